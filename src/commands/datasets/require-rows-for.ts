import { isOfPreferences, type Mapping } from '../../datasets/rows/mapping.ts';
import { datasetsOf, type RunSpec } from '../../models/runs/run-spec.ts';
import { UserError } from '../../platform/failure.ts';
import type { TrainingType } from '../../trainer/training-types.ts';

interface KnownDataset {
  name: string;
  mapping: Mapping | null;
}

/** That a training of this type learns from rows like these. @throws UserError */
export function requireRowsFor(type: TrainingType, id: number, { name, mapping }: KnownDataset): void {
  if (mapping === null || !isOfPreferences(mapping)) return;
  const { rejected, ...preferredAlone } = mapping as Extract<Mapping, { chosen: string }>;
  throw new UserError(
    `Dataset ${id} (${name}) has two answers to each question (${preferredAlone.chosen}, ${rejected}), and training_type ${type} learns one. Send PATCH /datasets/${id} with {"mapping": ${JSON.stringify(preferredAlone)}}, and the answer that was preferred is learnt.`,
    { field: 'training_type' },
  );
}

/** The same of all datasets of a run, as it is asked for. @throws UserError */
export function requireFittingRows({ training_type, traits }: Pick<RunSpec, 'training_type' | 'traits'>): void {
  for (const { dataset_id, dataset } of datasetsOf(traits)) if (dataset) requireRowsFor(training_type, dataset_id, dataset);
}
