import { isOfPreferences, type Mapping } from '../../datasets/rows/mapping.ts';
import { datasetsOf, type RunSpec } from '../../models/runs/run-spec.ts';
import { UserError } from '../../platform/failure.ts';
import type { TrainingType } from '../../trainer/training-types.ts';

interface KnownDataset {
  name: string;
  mapping: Mapping | null;
}

/** That a training of this type learns from rows like these: from pairs of answers, or from one answer. @throws UserError */
export function requireRowsFor(type: TrainingType, id: number, { name, mapping }: KnownDataset): void {
  const isOfPairs = mapping !== null && isOfPreferences(mapping);
  if (isOfPairs === (type === 'dpo')) return;
  throw new UserError(isOfPairs ? twoAnswers(type, id, name, mapping) : oneAnswer(id, name), {
    field: 'training_type',
  });
}

function twoAnswers(type: TrainingType, id: number, name: string, mapping: Mapping): string {
  const { rejected, ...preferredAlone } = mapping as Extract<Mapping, { chosen: string }>;
  return `Dataset ${id} (${name}) has two answers to each question (${preferredAlone.chosen}, ${rejected}), and training_type ${type} learns one. Send {"training_type": "dpo"}; or PATCH /datasets/${id} with {"mapping": ${JSON.stringify(preferredAlone)}}, and the answer that was preferred is learnt.`;
}

function oneAnswer(id: number, name: string): string {
  return `Dataset ${id} (${name}) has one answer to each question, and training_type dpo learns from two, of which one was preferred. Choose another training_type, or give the dataset a mapping as {"chosen": COLUMN, "rejected": COLUMN, "prompt": COLUMN}.`;
}

/** The same of all datasets of a run, as it is asked for. @throws UserError */
export function requireFittingRows({ training_type, traits }: Pick<RunSpec, 'training_type' | 'traits'>): void {
  for (const { dataset_id, dataset } of datasetsOf(traits))
    if (dataset) requireRowsFor(training_type, dataset_id, dataset);
}
