import type { MixturePlan } from '../../datasets/mixing.ts';
import type { Project } from '../../models/project.ts';
import { presentRun } from '../runs/present.ts';
import { date } from '../shared-schema.ts';

/** Needs latestRun and traits with their datasets (see WITH_TRAITS). */
export function presentProject(project: Project) {
  return {
    id: project.id,
    name: project.name,
    description: project.description,
    base_model: project.base_model,
    training_type: project.training_type,
    max_rows: project.max_rows,
    output_directory: project.output_directory,
    traits: (project.traits ?? []).map((trait) => ({
      id: trait.id,
      trait_type: trait.trait_type,
      datasets: (trait.datasets ?? []).map(({ dataset_id, percentage_thousandths }) => ({
        dataset_id,
        percentage: percentage_thousandths / 1000,
      })),
    })),
    hyperparameters: project.hyperparameters,
    ...presentRun(project),
    created_at: date(project.created_at),
    updated_at: date(project.updated_at),
  };
}

export function presentPlan({ trainRows, heldOutRows, warnings, traits }: MixturePlan) {
  return {
    train_rows: trainRows,
    held_out_rows: heldOutRows,
    warnings,
    traits: traits.map((trait) => ({
      trait_type: trait.trait,
      requested: trait.requested,
      allocated: trait.allocated,
      held_out: trait.heldOut,
      limiting_dataset_id: trait.limitingDatasetId,
      datasets: trait.datasets.map((share) => ({
        dataset_id: share.datasetId,
        percentage: share.percentageThousandths / 1000,
        rows: share.rows,
        held_out: share.heldOut,
        allocated: share.allocated,
        effective_percentage: share.effectivePercent,
      })),
    })),
  };
}
