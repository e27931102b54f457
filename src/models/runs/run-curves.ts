import { QueryTypes } from 'sequelize';
import { type AttemptTime, activeSeconds, type WrittenStep } from './active-time.ts';
import { sentenceOf, type Why } from './interruptions.ts';
import { connection } from './run.ts';
import { MEANS, meanOf, WITHOUT_LOSS_OF_REMOVED } from './thin-steps.ts';

/** So many steps are one bucket at most: 2^20, more than any run has. */
const MOST_DOUBLINGS = 20;

/** Steps `first` to `last` of a run, as those of the run that they led to. A run that goes on from another has that one's first steps. */
interface Part {
  runId: number;
  number: number;
  /** Null: it has every step. */
  thinnedUntil: number | null;
  thinnedSize: number | null;
  first: number;
  last: number;
}

/**
 * The figures of successive steps, 2^n of them, that begin at multiples of 2^n: the same buckets however long the run has become.
 * `step`, `epoch`, `tokens`, `at` are those of the last of its steps; null where no step has the figure.
 */
export interface CurveBucket extends WrittenStep {
  epoch: number;
  /** Seconds of training by then, see active-time.ts. */
  active_s: number;
  loss: number | null;
  loss_min: number | null;
  loss_max: number | null;
  /** Steps whose loss is no number, or that have none. */
  without_loss: number;
  learning_rate: number | null;
  grad_norm: number | null;
  grad_norm_max: number | null;
  /** Of preferences alone. */
  reward_margin: number | null;
  reward_accuracy: number | null;
  memory_bytes: number | null;
}

/** A held-out loss; `trait` null: over all of them, where each counts the same. */
export interface CurveEval {
  step: number;
  trait: string | null;
  loss: number | null;
  /** Trained by then, as in the buckets. */
  tokens: number | null;
  active_s: number;
}

type MeasuredStep = WrittenStep & Pick<CurveEval, 'trait' | 'loss'>;

/** The steps that one claim of a worker did, and why it did no more; null: it did all, or is still at it. */
export interface CurveAttempt {
  run_number: number;
  lease_epoch: number;
  worker_id: string | null;
  first_step: number;
  last_step: number;
  began_at: Date;
  ended_at: Date;
  interruption: string | null;
}

export interface Curves {
  /** The last step that was done. */
  steps: number;
  steps_per_bucket: number;
  buckets: CurveBucket[];
  evals: CurveEval[];
  attempts: CurveAttempt[];
  /** Up to this step a policy removed single steps (thin-steps.ts); null: none. */
  thinned_until_step: number | null;
}

/** Which steps, and in how many buckets at most. */
export interface CurveRange {
  fromStep: number;
  toStep: number | undefined;
  points: number;
}

/**
 * The curves of a run over its whole axis of steps: also those that it took over from the run that it goes on from, and each step as it was
 * done last. Extremes are kept, however few points are asked for.
 */
export async function readCurves(runId: number, { fromStep, toStep, points }: CurveRange): Promise<Curves> {
  const parts = await partsOf(runId);
  const steps = Math.max(0, ...parts.map(({ last }) => last));
  const size = Math.max(1, ...parts.map(({ thinnedSize }) => thinnedSize ?? 1));
  // Of a curve that was thinned there are whole buckets alone.
  const from = floorTo(size, Math.max(1, fromStep) - 1) + 1;
  const to = Math.min(steps, floorTo(size, (toStep ?? steps) - 1) + size);
  const doublings = Math.max(Math.log2(size), doublingsFor(from, to, points));
  const [buckets, evals, attempts] = await Promise.all([
    readBuckets(cut(parts, from, to), doublings, size > 1),
    readEvals(parts),
    readAttempts(parts),
  ]);
  const clock = activeSeconds(
    [...new Map([...evals, ...buckets].map((point) => [point.step, point])).values()].sort((a, b) => a.step - b.step),
    attempts,
  );
  const activeAt = (step: number) => clock.get(step) ?? 0;
  return {
    steps,
    steps_per_bucket: 2 ** doublings,
    buckets: buckets.map((bucket) => ({ ...bucket, active_s: activeAt(bucket.step) })),
    evals: evals.map(({ step, trait, loss, tokens }) => ({ step, trait, loss, tokens, active_s: activeAt(step) })),
    attempts: attempts.map(({ closed_at: _, first_s: __, ...attempt }) => attempt),
    thinned_until_step: thinnedUntil(parts),
  };
}

const floorTo = (size: number, steps: number) => Math.floor(steps / size) * size;

function thinnedUntil(parts: Part[]): number | null {
  const until = parts.map((part) => Math.min(part.thinnedUntil ?? 0, part.last));
  return Math.max(0, ...until) || null;
}

/** The fewest doublings of a bucket of one step with which no more than `points` buckets have a step from `from` to `to`. */
function doublingsFor(from: number, to: number, points: number): number {
  for (let doublings = 0; doublings < MOST_DOUBLINGS; doublings += 1)
    if (Math.floor((to - 1) / 2 ** doublings) - Math.floor((from - 1) / 2 ** doublings) < points) return doublings;
  return MOST_DOUBLINGS;
}

function cut(parts: Part[], from: number, to: number): Part[] {
  return parts
    .map((part) => ({ ...part, first: Math.max(part.first, from), last: Math.min(part.last, to) }))
    .filter(({ first, last }) => first <= last);
}

/** Newest run first, as long as there is one that it goes on from. */
async function partsOf(runId: number): Promise<Part[]> {
  const rows = await connection().query<Omit<Part, 'first' | 'last'> & { first: number | null; last: number | null }>(
    `WITH RECURSIVE line AS (
       SELECT id, number, resumes_run_id, thinned_until_step, thinned_steps_per_bucket, 0 AS back FROM runs WHERE id = $runId
       UNION ALL SELECT earlier.id, earlier.number, earlier.resumes_run_id, earlier.thinned_until_step, earlier.thinned_steps_per_bucket, back + 1
         FROM runs AS earlier JOIN line ON earlier.id = line.resumes_run_id)
     SELECT id AS "runId", number, thinned_until_step AS "thinnedUntil", thinned_steps_per_bucket AS "thinnedSize", (SELECT min(step) FROM run_metrics WHERE run_id = line.id) AS first,
       (SELECT max(step) FROM run_metrics WHERE run_id = line.id) AS last
     FROM line ORDER BY back`,
    { bind: { runId }, type: QueryTypes.SELECT },
  );
  let end = Number.POSITIVE_INFINITY;
  return rows.flatMap(({ first, last, ...run }) => {
    if (first === null || last === null || first >= end) return [];
    const part = { ...run, first, last: Math.min(last, end - 1) };
    end = first;
    return [part];
  });
}

/** The parts as a table of SQL, and what it is bound to. */
const PARTS = 'unnest($runIds::int[], $firsts::int[], $lasts::int[]) AS part (run_id, first, last)';
function bindOf(parts: Part[]) {
  return {
    runIds: parts.map(({ runId }) => runId),
    firsts: parts.map(({ first }) => first),
    lasts: parts.map(({ last }) => last),
  };
}

async function readBuckets(
  parts: Part[],
  doublings: number,
  isThinned: boolean,
): Promise<Omit<CurveBucket, 'active_s'>[]> {
  const means = MEANS.map((figure) => `${isThinned ? meanOf(figure) : `avg(${figure})`} AS ${figure}`).join(', ');
  const without = isThinned ? WITHOUT_LOSS_OF_REMOVED : '0';
  return await connection().query<Omit<CurveBucket, 'active_s'>>(
    `SELECT max(step) AS step, max(epoch) AS epoch, max(tokens) AS tokens, max(created_at) AS at,
       min(loss) AS loss_min, max(loss) AS loss_max, (count(*) - count(loss) + ${without})::int AS without_loss,
       ${means}, max(grad_norm) AS grad_norm_max, max(memory_bytes) AS memory_bytes
     FROM ${PARTS} JOIN run_metrics AS done ON done.run_id = part.run_id AND step BETWEEN part.first AND part.last
     GROUP BY (step - 1) >> $doublings ORDER BY 1`,
    { bind: { ...bindOf(parts), doublings }, type: QueryTypes.SELECT },
  );
}

/** One for each step and trait: the one that was reported last. The base's, of step 0, is the first run's. */
async function readEvals(parts: Part[]): Promise<MeasuredStep[]> {
  return await connection().query<MeasuredStep>(
    `SELECT told.step, trait, told.loss, coalesce(done.created_at, told.at) AS at, CASE told.step WHEN 0 THEN 0 ELSE done.tokens END AS tokens, tokens_per_s
     FROM (SELECT DISTINCT ON (1, 2) (data->>'step')::int AS step, data->>'trait' AS trait, (data->>'loss')::float8 AS loss, told.run_id, created_at AS at
       FROM ${PARTS} JOIN run_events AS told ON told.run_id = part.run_id AND kind = 'eval'
         AND ((data->>'step')::int BETWEEN part.first AND part.last OR data->>'step' = '0')
       ORDER BY 1, 2, seq DESC) AS told
     LEFT JOIN run_metrics AS done ON done.run_id = told.run_id AND done.step = told.step
     ORDER BY told.step, trait`,
    { bind: bindOf(parts), type: QueryTypes.SELECT },
  );
}

/** `closed`: when the next claim began, or this one was handed back. `first`: the last of the steps that were written first. */
async function readAttempts(parts: Part[]): Promise<(CurveAttempt & AttemptTime)[]> {
  const rows = await connection().query<
    Omit<CurveAttempt, 'run_number' | 'interruption'> & AttemptTime & { run_id: number; why: Why | null }
  >(
    `SELECT attempt.*, claimed.data->>'worker_id' AS worker_id, ended.data AS why, closed.at AS closed_at,
       coalesce((first.tokens - coalesce(before.tokens, 0)) / nullif(first.tokens_per_s, 0), 0) AS first_s
     FROM (SELECT part.run_id, lease_epoch, min(step) AS first_step, max(step) AS last_step, min(created_at) AS began_at, max(created_at) AS ended_at
           FROM ${PARTS} JOIN run_metrics AS done ON done.run_id = part.run_id AND step BETWEEN part.first AND part.last
           GROUP BY part.run_id, lease_epoch) AS attempt
     LEFT JOIN LATERAL (SELECT data FROM run_events AS event WHERE event.run_id = attempt.run_id AND kind = 'status'
         AND data->>'status' = 'running' AND (data->>'lease_epoch')::int = attempt.lease_epoch LIMIT 1) AS claimed ON true
     LEFT JOIN LATERAL (SELECT data FROM run_events AS event WHERE event.run_id = attempt.run_id AND kind = 'status'
         AND data->>'status' = 'queued' AND data ? 'reason' AND (data->>'lease_epoch')::int = attempt.lease_epoch LIMIT 1) AS ended ON true
     LEFT JOIN LATERAL (SELECT min(created_at) AS at FROM run_events AS event WHERE event.run_id = attempt.run_id AND kind = 'status'
         AND (data->>'lease_epoch')::int >= attempt.lease_epoch + CASE data->>'status' WHEN 'running' THEN 1 ELSE 0 END) AS closed ON true
     LEFT JOIN LATERAL (SELECT coalesce(min(step), attempt.last_step + 1) AS step
         FROM (SELECT step FROM run_metrics AS done WHERE done.run_id = attempt.run_id AND step > attempt.first_step AND step <= attempt.last_step
           AND created_at > attempt.began_at ORDER BY step LIMIT 1) AS done) AS second ON true
     LEFT JOIN run_metrics AS first ON first.run_id = attempt.run_id AND first.step = second.step - 1
     LEFT JOIN LATERAL (SELECT tokens FROM ${PARTS} JOIN run_metrics AS done ON done.run_id = part.run_id
         AND step BETWEEN part.first AND part.last WHERE step = attempt.first_step - 1) AS before ON true
     ORDER BY first_step`,
    { bind: bindOf(parts), type: QueryTypes.SELECT },
  );
  return rows.map(({ run_id, why, ...attempt }) => ({
    ...attempt,
    run_number: parts.find(({ runId }) => runId === run_id)?.number ?? 1,
    interruption: why === null ? null : sentenceOf(why),
  }));
}
