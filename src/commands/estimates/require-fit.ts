import type { Sequelize } from 'sequelize';
import type { Measurement } from '../../estimates/correction.ts';
import { diskOf } from '../../estimates/disk.ts';
import { kindOf, predict } from '../../estimates/estimate.ts';
import { leastMemory } from '../../estimates/memory.ts';
import { RunMeasurement } from '../../models/estimates/run-measurement.ts';
import { longestPossible, trainingOf } from '../../models/estimates/training-of-spec.ts';
import { connection } from '../../models/runs/run.ts';
import type { RunSpec } from '../../models/runs/run-spec.ts';
import type { Env } from '../../platform/env.ts';
import { UserError } from '../../platform/failure.ts';
import { freeBytes } from '../../platform/files.ts';
import type { TrainingType } from '../../trainer/training-types.ts';
import { deviceOf, type PlannedDevice, plannedDevices } from './devices.ts';
import { estimateTraining } from './estimate-training.ts';
import { knownLengths } from './known-lengths.ts';
import { knownShape } from './known-shapes.ts';
import { gb, nameOf, sentenceOf } from './problems.ts';

/** What shapes alone say of memory may be wrong by so much; only what is beyond is refused. */
const LEAST_IS_RIGHT = 0.9;
/** So long the devices of the pool are not looked up again, for many jobs at once. */
const LOOKED_UP_FOR_MS = 5_000;
/** By the database that knows them. */
const looked = new WeakMap<Sequelize, { atMs: number; devices: Promise<PlannedDevice[]> }>();

/** For clients of OpenAI, whose errors have a name. */
const DOES_NOT_FIT = { code: 'training_does_not_fit' };
const GOES_ON = 'To try it all the same, send "force": true (mtm: --force).';

/**
 * Refuses a training that cannot fit, before anything is written. No row is read for it: where no plan has counted the tokens, it goes by
 * what weights, gradients and the optimizer take whatever the rows are. `resumes`: its checkpoints are on the disk already.
 * @throws UserError with what it needs, what is there, and what would fit
 */
export async function requireFit(
  env: Env,
  spec: RunSpec,
  { force, resumes = false }: { force?: boolean | undefined; resumes?: boolean },
): Promise<void> {
  if (force || spec.training_type === 'rag') return;
  const [known, devices] = await Promise.all([knownShape(env, spec.base_model), devicesOfPool()]);
  // A model that is not there, or a pool that is not, says nothing of memory; whoever needs them says so.
  if ('reason' in known || devices.length === 0) return;
  const counted = knownLengths(spec);
  const lengths =
    counted ??
    longestPossible(spec.training_type, { train: 1, heldOut: 0 }, spec.hyperparameters.max_length, known.shape.context);
  const lacking: { device: PlannedDevice; bytes: number }[] = [];
  for (const device of devices) {
    const training = trainingOf(spec, { shape: known.shape, lengths, device: deviceOf(device, spec.threads) });
    if (!training) return;
    const least = LEAST_IS_RIGHT * leastMemory(training);
    const estimated = { training, epochs: spec.hyperparameters.epochs, deviceName: device.name, model: known.model };
    const low = counted === null ? 0 : lowEnd(predict(estimated, await measurementsLike(estimated)).memory);
    if (Math.max(least, low) > device.memoryBytes)
      lacking.push({ device, bytes: Math.max(leastMemory(training), low) });
    if (!resumes) await requireDisk(env, spec.training_type, diskOf(training));
  }
  if (lacking.length < devices.length) return;
  throw await tooLarge(env, spec, lacking);
}

async function measurementsLike(estimated: Parameters<typeof kindOf>[0]): Promise<Measurement[]> {
  return await RunMeasurement.ofKindsLike(kindOf(estimated));
}

/** The least that it may well need, so that nothing is refused that would work. */
function lowEnd({ needed, withinPercent }: { needed: number; withinPercent: number }): number {
  return needed * Math.max(0, 1 - withinPercent / 100);
}

async function devicesOfPool(): Promise<PlannedDevice[]> {
  const pool = connection();
  const before = looked.get(pool);
  if (before && performance.now() - before.atMs < LOOKED_UP_FOR_MS) return await before.devices;
  const devices = plannedDevices();
  looked.set(pool, { atMs: performance.now(), devices });
  devices.catch(() => looked.delete(pool));
  return await devices;
}

/** By what a run writes for certain, whatever its rows are. */
async function requireDisk(
  env: Env,
  type: TrainingType,
  { checkpoints, export: exported, merge, base_copy, start_copy }: ReturnType<typeof diskOf>,
): Promise<void> {
  const [needed, free] = [checkpoints + exported + merge + base_copy + start_copy, await freeBytes(env.home)];
  if (needed <= free) return;
  const copy = base_copy === 0 ? '' : `, its base in 16 bits ${gb(base_copy)}`;
  const start = start_copy === 0 ? '' : `, what it begins from, as a whole model, ${gb(start_copy)}`;
  throw new UserError(
    `The run would not fit on the disk: its checkpoints take ${gb(checkpoints)}${copy}${start}, and its model ${gb(exported + merge)}, and ${gb(free)} are free. Make room in ${env.home}, or train adapters ("${type === 'dpo' ? 'finetuning_type' : 'training_type'}": "lora" or "qlora"). ${GOES_ON}`,
    DOES_NOT_FIT,
  );
}

async function tooLarge(
  env: Env,
  spec: RunSpec,
  lacking: { device: PlannedDevice; bytes: number }[],
): Promise<UserError> {
  const there = lacking.map(
    ({ device, bytes }) => `needs at least ${gb(bytes)} on ${nameOf(device)}, which has ${gb(device.memoryBytes)}`,
  );
  const rows = { train: spec.hyperparameters.batch_size, heldOut: 0, lengths: knownLengths(spec) };
  const estimate = await estimateTraining(env, spec, rows);
  const remedies = 'reason' in estimate ? [] : estimate.remedies.map(sentenceOf);
  const fitting =
    remedies.length > 0
      ? `What would fit: ${remedies.join(' ')}`
      : 'Take a smaller base model, or add a host with more memory.';
  return new UserError(
    `The training would not fit into memory: it ${there.join(', and ')}. ${fitting} ${GOES_ON}`,
    DOES_NOT_FIT,
  );
}
