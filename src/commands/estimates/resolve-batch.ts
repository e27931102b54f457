import { type Batch, batchesOf, firstFitting } from '../../estimates/batch.ts';
import { kindOf } from '../../estimates/estimate.ts';
import { RunMeasurement } from '../../models/estimates/run-measurement.ts';
import { longestPossible, trainingOf } from '../../models/estimates/training-of-spec.ts';
import {
  type AskedChoices,
  AUTO,
  BATCH_SIZES,
  type HyperparameterChoices,
} from '../../models/runs/hyperparameter-choices.ts';
import { type RunSpec, resolveHyperparameters } from '../../models/runs/run-spec.ts';
import type { TrainingDefaults } from '../../models/settings/training-config.ts';
import type { Env } from '../../platform/env.ts';
import { UserError } from '../../platform/failure.ts';
import type { TrainingType } from '../../trainer/training-types.ts';
import { deviceOf, plannedDevices } from './devices.ts';
import { knownLengths } from './known-lengths.ts';
import { knownShape } from './known-shapes.ts';
import { gb, nameOf } from './problems.ts';

/** Which training it is for. */
interface Wanted extends Pick<RunSpec, 'max_rows' | 'mixing' | 'traits'> {
  training_type?: TrainingType | undefined;
  base_model?: string | undefined;
}

/** The choices in numbers, as runs keep them, and why the batch is as large as it is; null where somebody chose it. */
export interface ResolvedChoices {
  chosen: HyperparameterChoices;
  reason: string | null;
}

/**
 * Numbers in place of `auto`: the largest batch that fits on the device that a run would get, with as many rows in each step as asked.
 * @throws UserError where they contradict each other, or it is not known what would fit
 */
export async function resolveBatch(
  env: Env,
  config: TrainingDefaults,
  wanted: Wanted,
  { batch_size, rows_per_step, ...others }: AskedChoices,
): Promise<ResolvedChoices> {
  // What nobody chose is not there: undefined would stand in the way of the default.
  if (batch_size === undefined && rows_per_step === undefined) return { chosen: others, reason: null };
  if (batch_size !== AUTO && rows_per_step === undefined) return { chosen: { ...others, batch_size }, reason: null };
  if (rows_per_step !== undefined && others.gradient_accumulation !== undefined)
    throw new UserError(
      `rows_per_step is ${rows_per_step} and gradient_accumulation ${others.gradient_accumulation}: both say how many rows a step takes. Send one of them.`,
      { field: 'rows_per_step' },
    );
  if (batch_size !== AUTO) {
    const size = batch_size ?? config.default_batch_size;
    return { chosen: { ...others, ...split(rows_per_step ?? size, size) }, reason: null };
  }
  const rows = rows_per_step ?? config.default_batch_size * (others.gradient_accumulation ?? 1);
  const { batch, reason } = await largestBatch(env, config, wanted, { ...others, rows });
  return { chosen: { ...others, ...batch }, reason };
}

function split(rowsPerStep: number, batchSize: number): Batch {
  if (rowsPerStep % batchSize === 0) return { batch_size: batchSize, gradient_accumulation: rowsPerStep / batchSize };
  throw new UserError(
    `rows_per_step is ${rowsPerStep}, which batches of ${batchSize} (batch_size) do not make. Take a multiple of it, or send {"batch_size": "auto"}.`,
    { field: 'rows_per_step' },
  );
}

async function largestBatch(
  env: Env,
  config: TrainingDefaults,
  { training_type, base_model = config.default_model, max_rows, mixing, traits }: Wanted,
  { rows, ...choices }: HyperparameterChoices & { rows: number },
): Promise<{ batch: Batch; reason: string }> {
  const type = training_type ?? config.default_training_type;
  const hyperparameters = resolveHyperparameters(choices, type, config);
  const [known, [device]] = await Promise.all([knownShape(env, base_model), plannedDevices()]);
  const cannot = (why: string) =>
    new UserError(`batch_size is "auto", and it is not known what would fit. ${why} Send a number.`, {
      field: 'batch_size',
    });
  if ('reason' in known) throw cannot(known.reason);
  if (!device) throw cannot('No host that tells of its memory is there.');
  const counted = knownLengths({ base_model, max_rows, mixing, traits, hyperparameters });
  const lengths =
    counted ?? longestPossible(type, { train: rows, heldOut: 0 }, hyperparameters.max_length, known.shape.context);
  const on = { shape: known.shape, lengths, device: deviceOf(device, env.trainerThreads) };
  const training = trainingOf({ training_type: type, hyperparameters }, on);
  if (!training) throw cannot('An index is made without batches.');
  const estimated = { training, epochs: hyperparameters.epochs, deviceName: device.name, model: known.model };
  const batches = batchesOf(rows, BATCH_SIZES.most);
  const found = firstFitting(
    estimated,
    await RunMeasurement.ofKindsLike(kindOf(estimated)),
    batches,
    device.memoryBytes,
  );
  const smallest = batches.at(-1) ?? { batch_size: 1, gradient_accumulation: rows };
  const { batch, memoryBytes } = found ?? { batch: smallest, memoryBytes: null };
  const takes = memoryBytes === null ? 'which may not fit either' : `which takes about ${gb(memoryBytes)}`;
  const how = counted ? 'by the tokens that a plan counted' : 'with rows as long as max_length allows';
  return {
    batch,
    reason: `batch_size ${batch.batch_size} with gradient_accumulation ${batch.gradient_accumulation} (${rows} rows per step), ${takes} of ${gb(device.memoryBytes)} on ${nameOf(device)}, ${how}.`,
  };
}
