import type { Project } from '../../models/projects/project.ts';
import { askedUpon } from '../../models/runs/queue-choices.ts';
import { date } from '../http/shared-schema.ts';
import { presentRun } from '../runs/present.ts';

/** Needs latestRun and traits with their datasets (see WITH_TRAITS). */
export function presentProject(project: Project) {
  return {
    id: project.id,
    name: project.name,
    description: project.description,
    base_model: project.base_model,
    embedding_model: project.embedding_model,
    starts_from: project.starts_from,
    trackers: project.trackers,
    followed_by: project.followed_by,
    training_type: project.training_type,
    max_rows: project.max_rows,
    output_directory: project.output_directory,
    traits: (project.traits ?? []).map((trait) => ({
      id: trait.id,
      trait_type: trait.trait_type,
      weight: trait.weight_thousandths / 1000,
      datasets: (trait.datasets ?? []).map(({ dataset_id, percentage_thousandths, filters }) => ({
        dataset_id,
        percentage: percentage_thousandths / 1000,
        // The reference's example has none.
        ...(Object.keys(filters).length > 0 ? { filters } : {}),
      })),
    })),
    mixing: project.mixing,
    gate: project.gate,
    hyperparameters: project.hyperparameters,
    sweep_id: project.sweep_id,
    ...presentRun(project),
    // Before there is a run: what its first one begins with.
    ...(project.latest_run_id === null ? askedUpon(project.queue, {}) : {}),
    created_by: project.created_by,
    created_at: date(project.created_at),
    updated_at: date(project.updated_at),
  };
}
