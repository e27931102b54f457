import type { Measurement } from '../../estimates/correction.ts';
import { type Estimated, kindOf, type Prediction, predict } from '../../estimates/estimate.ts';
import { type Change, type Remedy, remediesOf } from '../../estimates/remedies.ts';
import type { Lengths } from '../../estimates/training.ts';
import { RunMeasurement } from '../../models/estimates/run-measurement.ts';
import { longestPossible, trainingOf } from '../../models/estimates/training-of-spec.ts';
import type { RunSpec } from '../../models/runs/run-spec.ts';
import type { Env } from '../../platform/env.ts';
import { freeBytes } from '../../platform/files.ts';
import { refusedTogether } from '../runs/refused-together.ts';
import { deviceOf, type PlannedDevice, plannedDevices } from './devices.ts';
import { knownShape } from './known-shapes.ts';
import { problemsOf } from './problems.ts';
import { queueSeconds } from './queue-time.ts';
import { sentenceOfIndex } from './sentence-of-index.ts';

/** What a run is asked to be, as far as an estimate needs it. */
export type Asked = Pick<
  RunSpec,
  'training_type' | 'base_model' | 'embedding_model' | 'hyperparameters' | 'threads' | 'start'
>;

/** The rows, with their tokens where somebody counted them. */
export interface KnownRows {
  train: number;
  heldOut: number;
  lengths: Lengths | null;
}

/** What a training takes on the device that it would get. */
export interface Estimate {
  device: PlannedDevice;
  prediction: Prediction;
  steps: number;
  /** Of all steps together; null where nobody has counted them. */
  tokens: number | null;
  queueSeconds: number | null;
  freeBytes: number;
  /** Whether it fits on the device, and on the disk. */
  fits: boolean;
  problems: string[];
  remedies: Remedy[];
}

/** An estimate, or why there is none: a sentence. */
export type MaybeEstimate = Estimate | { reason: string };

const NO_HOST = 'No host that tells of its memory is there: start the service, or a host agent.';

export async function estimateTraining(env: Env, asked: Asked, rows: KnownRows): Promise<MaybeEstimate> {
  if (asked.training_type === 'rag') return { reason: await sentenceOfIndex(env, asked) };
  const [known, devices] = await Promise.all([knownShape(env, asked.base_model), plannedDevices()]);
  if ('reason' in known) return known;
  const [device] = devices;
  if (!device) return { reason: NO_HOST };
  const lengths =
    rows.lengths ?? longestPossible(asked.training_type, rows, asked.hyperparameters.max_length, known.shape.context);
  const on = (planned: PlannedDevice): Estimated => {
    const training = trainingOf(asked, { shape: known.shape, lengths, device: deviceOf(planned, asked.threads) });
    if (!training) throw new Error('An index is no training.');
    return { training, epochs: asked.hyperparameters.epochs, deviceName: planned.name, model: known.model };
  };
  const estimated = on(device);
  const measurements: Measurement[] = await RunMeasurement.ofKindsLike(kindOf(estimated));
  const prediction = predict(estimated, measurements);
  const [free, untilFree] = await Promise.all([freeBytes(env.home), queueSeconds(env, device)]);
  const { problems, fits } = problemsOf({
    device,
    prediction,
    freeBytes: free,
    areLengthsKnown: rows.lengths !== null,
  });
  const isTooLarge = prediction.memory.needed > device.memoryBytes;
  const elsewhere = isTooLarge
    ? devices.slice(1).filter((other) => fitsOn(other, predict(on(other), measurements)))
    : [];
  const remedies = isTooLarge ? remediesOf(estimated, measurements, device.memoryBytes, isRefusedOf(asked)) : [];
  return {
    device,
    prediction,
    queueSeconds: untilFree,
    freeBytes: free,
    fits,
    problems,
    steps: estimated.training.steps,
    tokens: rows.lengths && totalTokens(estimated, rows.lengths),
    remedies: [
      ...remedies,
      ...elsewhere.slice(0, 1).map(({ host, device: other }) => ({
        change: { host, device: other },
        memoryBytes: prediction.memory.needed,
      })),
    ],
  };
}

/** Whether a change would be refused with all else that is asked for. */
export function isRefusedOf({ hyperparameters, training_type }: Pick<Asked, 'hyperparameters' | 'training_type'>) {
  return ({ training_type: other, ...change }: Change): boolean =>
    refusedTogether({ ...hyperparameters, ...change }, other ?? training_type) !== undefined;
}

function fitsOn({ memoryBytes }: PlannedDevice, { memory }: Prediction): boolean {
  return memory.needed <= memoryBytes;
}

function totalTokens({ training, epochs }: Estimated, { tokens, examples }: Lengths): number {
  const { batch_size, gradient_accumulation } = training.settings;
  const seen = Math.min(training.steps * batch_size * gradient_accumulation, epochs * examples);
  return Math.round((seen * tokens) / Math.max(1, examples));
}
