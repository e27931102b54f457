import { literal, QueryTypes } from 'sequelize';
import type { Measurement } from '../../estimates/correction.ts';
import { kindOf, predict } from '../../estimates/estimate.ts';
import type { Lengths } from '../../estimates/training.ts';
import { RunMeasurement } from '../../models/estimates/run-measurement.ts';
import { trainingOf } from '../../models/estimates/training-of-spec.ts';
import { isDrained } from '../../models/pool/drained.ts';
import { IN_LINE, NORMAL, orderOf, PRIORITIES } from '../../models/runs/order.ts';
import { connection, Run } from '../../models/runs/run.ts';
import type { Env } from '../../platform/env.ts';
import { deviceOf, type PlannedDevice } from './devices.ts';
import { knownLengths } from './known-lengths.ts';
import { knownShape } from './known-shapes.ts';

/** What the line holds just now. */
interface Line {
  /** Those that take runs: none that is drained. */
  workers: number;
  /** Seconds that each of their runs has left; null where it has not told yet. */
  left: (number | null)[];
  /** Seconds that each run that waits will take, in their order; null where that is not known. */
  waiting: (number | null)[];
  /** Seconds that a completed run took, in the middle of the latest ones; null before there was one. */
  typical: number | null;
}

const MOST_LOOKED_AT = 100;
const LINE = `
  SELECT (SELECT count(*)::int FROM workers WHERE desired = 'running' AND lost_at IS NULL AND NOT ${isDrained('workers')}) AS workers,
    (SELECT coalesce(json_agg(seconds_left), '[]') FROM runs LEFT JOIN workers ON workers.id = runs.worker_id
     WHERE runs.status = 'running' AND NOT ${isDrained('workers')}) AS left,
    (SELECT count(*)::int FROM runs WHERE ${IN_LINE} AND priority <= $priority) AS count,
    (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - started_at))::float8
     FROM (SELECT started_at, finished_at FROM runs WHERE status = 'completed' ORDER BY id DESC LIMIT ${MOST_LOOKED_AT}) AS latest) AS typical`;

/**
 * Seconds until a run that is asked for now gets a worker; null where there are no workers, or nothing is known of those before it.
 * @param device on which they are trained
 */
export async function queueSeconds(env: Env, device: PlannedDevice): Promise<number | null> {
  return (await startsOfLine(env, device, NORMAL)).at(-1) ?? null;
}

/**
 * Seconds until each run in the line gets a worker, in their order, and until one does that joins it now; null as above.
 * @param priority the line up to this one: what joins it goes before the others
 */
export async function startsOfLine(
  env: Env,
  device: PlannedDevice,
  priority: number = PRIORITIES.length,
): Promise<(number | null)[]> {
  const [[line], runs] = await Promise.all([
    connection().query<Omit<Line, 'waiting'> & { count: number }>(LINE, {
      bind: { priority },
      type: QueryTypes.SELECT,
    }),
    Run.findAll({
      attributes: ['spec', 'plan', 'seconds_left'],
      where: literal(`${IN_LINE} AND priority <= ${priority}`),
      order: literal(orderOf('"Run"')),
      limit: MOST_LOOKED_AT,
    }),
  ]);
  if (!line) return [];
  const measurementsOf = measurementsOnce();
  const found = await Promise.all(runs.map((run) => secondsOf(env, run, device, measurementsOf)));
  const others = new Array<null>(Math.max(0, line.count - runs.length)).fill(null);
  return startsIn({ ...line, waiting: [...found, ...others] });
}

/**
 * Each worker takes the next in line once it is free. Where nothing is known of a run, it is taken to be as long as a typical one.
 * @returns seconds until each of those that wait begins, and until the next one does; null after one of which nothing is known
 */
export function startsIn({ workers, left, waiting, typical }: Line): (number | null)[] {
  const busy = left.slice(0, workers).map((seconds) => seconds ?? typical);
  const free = [...busy, ...new Array<number>(Math.max(0, workers - busy.length)).fill(0)];
  let isKnown = workers > 0 && left.every((seconds) => seconds !== null || typical !== null);
  const starts = waiting.map((own) => {
    const first = leastOf(free);
    const start = isKnown ? (free[first] ?? null) : null;
    const seconds = own ?? typical;
    if (seconds === null) isKnown = false;
    else free[first] = (free[first] ?? 0) + seconds;
    return start;
  });
  return [...starts, isKnown ? (free[leastOf(free)] ?? null) : null];
}

function leastOf(free: (number | null)[]): number {
  let least = 0;
  for (const [index, seconds] of free.entries()) if ((seconds ?? 0) < (free[least] ?? 0)) least = index;
  return least;
}

type Waiting = Pick<Run, 'spec' | 'plan' | 'seconds_left'>;
type MeasurementsOf = (kind: ReturnType<typeof kindOf>) => Promise<Measurement[]>;

/** By its own estimate; of one that was trained in part, what it told last. Null where nobody has counted its tokens. */
async function secondsOf(
  env: Env,
  { spec, plan, seconds_left }: Waiting,
  device: PlannedDevice,
  measurementsOf: MeasurementsOf,
): Promise<number | null> {
  if (seconds_left !== null) return seconds_left;
  const lengths = knownLengths(spec) ?? lengthsIn(plan, spec.hyperparameters.max_length);
  if (lengths === null) return null;
  const known = await knownShape(env, spec.base_model);
  if ('reason' in known) return null;
  const training = trainingOf(spec, { shape: known.shape, lengths, device: deviceOf(device, spec.threads) });
  if (!training) return null;
  const { epochs } = spec.hyperparameters;
  const estimated = { training, epochs, deviceName: device.name, model: known.model };
  return predict(estimated, await measurementsOf(kindOf(estimated))).time.seconds;
}

/** As its trainer has counted them. */
function lengthsIn(plan: Waiting['plan'], maxLength: number): Lengths | null {
  if (!plan?.tokens) return null;
  const { examples, perEpoch, longest = maxLength } = plan.tokens;
  return { examples, tokens: perEpoch, longest, heldOutRows: plan.heldOutRows };
}

/** Many that wait are of one kind, whose measurements are read once. */
function measurementsOnce(): MeasurementsOf {
  const read = new Map<string, Promise<Measurement[]>>();
  return async (kind) => {
    const found = read.get(kind.model_type) ?? RunMeasurement.ofKindsLike(kind);
    read.set(kind.model_type, found);
    return await found;
  };
}
