import { type Lengths, sequencesOfRow, type Training } from '../../estimates/training.ts';
import { type TrainingType, trainedAs } from '../../trainer/training-types.ts';
import { type RunSpec, stepsFor } from '../runs/run-spec.ts';

/** What is to be trained, as estimates see it. Null of an index: nothing is learnt. */
export function trainingOf(
  { training_type: type, hyperparameters, start }: Pick<RunSpec, 'training_type' | 'hyperparameters' | 'start'>,
  { shape, lengths, device }: Pick<Training, 'shape' | 'lengths' | 'device'>,
): Training | null {
  const trained = trainedAs(type, hyperparameters);
  if (trained === 'rag') return null;
  return {
    shape,
    type: trained,
    isOfPairs: type === 'dpo',
    lengths,
    device,
    start,
    settings: hyperparameters,
    steps: stepsFor(lengths.examples, hyperparameters).total,
  };
}

/** Of rows that nobody has counted the tokens of: each sequence as long as it may be, so that what is said of memory is enough. */
export function longestPossible(
  type: TrainingType,
  rows: { train: number; heldOut: number },
  maxLength: number,
  context: number | null,
): Lengths {
  const longest = Math.min(maxLength, context ?? maxLength);
  return {
    examples: rows.train,
    tokens: sequencesOfRow({ isOfPairs: type === 'dpo' }) * rows.train * longest,
    longest,
    heldOutRows: rows.heldOut,
  };
}
