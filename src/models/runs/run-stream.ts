import { QueryTypes } from 'sequelize';
import type { DeviceFigures } from '../../trainer/protocol.ts';
import { connection } from './run.ts';
import { isFinal, type RunStatus } from './statuses.ts';
import { type MEANS, meanOf } from './thin-steps.ts';

/** A place in the stream of a run; what is after it is new. */
export interface StreamPlace {
  /** Decimal, since xid8 is wider than a number. */
  xid: string;
  seq: number;
}

/** An event of a run, or one of its steps (kind `step`). */
export interface StreamEntry extends StreamPlace {
  kind: string;
  data: Record<string, unknown>;
  created_at: Date;
}

export const STREAM_START: StreamPlace = { xid: '0', seq: 0 };

/** What one look at the stream of a run finds, all of the same moment. */
export interface StreamLook {
  /** What is new and can be shown, in its order: at most as many as were asked for. */
  entries: StreamEntry[];
  /** Null when it was deleted. `isOver`: it has ended and its workflow is closed or never began: nothing more is written. */
  run: { status: RunStatus; errorMessage: string | null; isOver: boolean } | null;
  /** Whether entries of the run are written that cannot be shown yet. */
  isHeldBack: boolean;
  /** The oldest transaction that is open on the whole PostgreSQL server: entries from it on are held back. */
  horizon: string;
}

/**
 * Events of a run after a place, and its steps after it that transactions from `stepsFrom` on have written, in an order in which nothing can appear before what was read: only of
 * transactions older than every one that is still open (pg_current_snapshot, PostgreSQL manual, "Transaction ID and
 * Snapshot Information Functions"). One statement, so that the end of a run is never seen before its last event.
 */
export async function readStream(
  runId: number,
  after: StreamPlace,
  limit: number,
  stepsFrom = STREAM_START.xid,
): Promise<StreamLook> {
  const sequelize = connection();
  const rows = await sequelize.query<StreamRow>(
    `SELECT horizon.xmin::text AS horizon, held.back AS "isHeldBack", run.status, run.error_message AS "errorMessage",
       run.workflow_closed_at IS NOT NULL OR run.admitted_at IS NULL AS "isClosed",
       entry.xid::text AS xid, entry.seq, entry.kind, entry.data, entry.created_at
     FROM (SELECT pg_snapshot_xmin(pg_current_snapshot()) AS xmin) AS horizon
     LEFT JOIN runs AS run ON run.id = $runId
     CROSS JOIN LATERAL (
       SELECT EXISTS (SELECT 1 FROM run_events WHERE run_id = $runId AND xid >= horizon.xmin)
         OR EXISTS (SELECT 1 FROM run_metrics WHERE run_id = $runId AND xid >= horizon.xmin) AS back
     ) AS held
     LEFT JOIN LATERAL (
       SELECT * FROM (
         SELECT xid, seq, kind, data, created_at FROM run_events
         WHERE run_id = $runId AND (xid, seq) > ($xid::xid8, $seq)
         UNION ALL
         SELECT xid, seq, 'step', jsonb_build_object('step', step, 'epoch', epoch, 'loss', loss, 'learning_rate', learning_rate,
           'grad_norm', grad_norm, 'tokens', tokens, 'tokens_per_s', tokens_per_s, 'memory_bytes', memory_bytes, 'device', device,
           'reward_margin', reward_margin, 'reward_accuracy', reward_accuracy), created_at FROM run_metrics
         WHERE run_id = $runId AND (xid, seq) > ($xid::xid8, $seq) AND xid >= $stepsFrom::xid8
       ) AS entries
       WHERE xid < horizon.xmin
       ORDER BY xid, seq LIMIT $limit
     ) AS entry ON run.id IS NOT NULL
     ORDER BY entry.xid, entry.seq`,
    { bind: { runId, xid: after.xid, seq: after.seq, limit, stepsFrom }, type: QueryTypes.SELECT },
  );
  const [first] = rows;
  if (!first) throw new Error('A look at a stream always gives a row.');
  const { horizon, isHeldBack, status, errorMessage, isClosed } = first;
  return {
    entries: rows.flatMap(({ xid, seq, kind, data, created_at }) =>
      xid === null ? [] : [{ xid, seq, kind, data, created_at }],
    ),
    run: status === null ? null : { status, errorMessage, isOver: isFinal(status) && isClosed },
    isHeldBack,
    horizon,
  };
}

/** The oldest transaction that is open now: what was written before it can be read, what is written from it on comes in a stream. */
export async function streamHorizon(): Promise<string> {
  const [row] = await connection().query<{ horizon: string }>(
    'SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS horizon',
    { type: QueryTypes.SELECT },
  );
  if (!row) throw new Error('PostgreSQL always has a snapshot.');
  return row.horizon;
}

/** An entry beside what holds for all of them; without any, its fields are null. */
type StreamRow = {
  horizon: string;
  isHeldBack: boolean;
  /** Null when the run does not exist. */
  status: RunStatus | null;
  errorMessage: string | null;
  isClosed: boolean;
} & (StreamEntry | { [Field in keyof StreamEntry]: null });

/** Who has the oldest open transaction of the PostgreSQL server, as far as it tells us. */
export interface OldestWriter {
  pid: number;
  database: string | null;
  application: string | null;
  state: string | null;
  since: Date | null;
}

/** Whose transaction holds streams back. Null when it is over, or is one that waits for its COMMIT PREPARED. */
export async function findOldestWriter(): Promise<OldestWriter | null> {
  const [writer] = await connection().query<OldestWriter>(
    `SELECT pid, datname AS database, application_name AS application, state, xact_start AS since
     FROM pg_stat_activity WHERE backend_xid IS NOT NULL ORDER BY age(backend_xid) DESC LIMIT 1`,
    { type: QueryTypes.SELECT },
  );
  return writer ?? null;
}

/**
 * One point of a loss curve: figures averaged over the steps that it stands for; `step` is the last of them, and `device` what
 * was told last.
 */
export interface MetricPoint {
  step: number;
  epoch: number;
  loss: number | null;
  eval_loss: number | null;
  learning_rate: number | null;
  grad_norm: number | null;
  tokens: number | null;
  tokens_per_s: number | null;
  memory_bytes: number | null;
  device: DeviceFigures | null;
  reward_margin: number | null;
  reward_accuracy: number | null;
}

export interface Metrics {
  steps: number;
  points: MetricPoint[];
  /** Up to this step a policy removed single steps; null: none. */
  thinned_until_step: number | null;
}

/** Each point is the mean of at most so many steps, the last ones of those that it stands for: found by their key, however many there are. */
const STEPS_OF_A_POINT = 100;

/**
 * At most `points` points over all steps of a run, evenly by step, and how many steps there are. Every held-out loss is among them;
 * that of the base is a point of its own before them, of step 0.
 */
export async function readMetrics(runId: number, points: number): Promise<Metrics> {
  const sequelize = connection();
  const [last] = await sequelize.query<{ step: number | null; thinned: number | null; size: number }>(
    `SELECT (SELECT max(step) FROM run_metrics WHERE run_id = run.id) AS step, thinned_until_step AS thinned,
       coalesce(thinned_steps_per_bucket, 1) AS size
     FROM runs AS run WHERE id = $runId`,
    { bind: { runId }, type: QueryTypes.SELECT },
  );
  const steps = last?.step ?? 0;
  const thinned_until_step = last?.thinned ?? null;
  if (steps === 0) return { steps: 0, points: [], thinned_until_step };
  const base = await lossOfBase(runId);
  const most = base === null ? points : points - 1;
  const size = last?.size ?? 1;
  // Of a curve that was thinned a point is of whole buckets, which have the means of all of their steps.
  const stepsOfPoint = size * Math.ceil(Math.ceil(steps / size) / most);
  const count = size === 1 ? Math.min(most, steps) : Math.ceil(steps / stepsOfPoint);
  const mean = (figure: (typeof MEANS)[number]) => `${size === 1 ? `avg(${figure})` : meanOf(figure)} AS ${figure}`;
  const found = await sequelize.query<MetricPoint>(
    `SELECT point.* FROM generate_series(0, $count::int - 1) AS n, LATERAL (
       SELECT max(step) AS step, max(epoch) AS epoch, ${mean('loss')},
         (SELECT avg(eval_loss) FROM run_metrics WHERE run_id = $runId AND eval_loss IS NOT NULL
            AND step > n * $steps::bigint / $count AND step <= (n + 1) * $steps::bigint / $count) AS eval_loss,
         ${mean('learning_rate')}, ${mean('grad_norm')}, max(tokens) AS tokens, ${mean('tokens_per_s')},
         max(memory_bytes) AS memory_bytes, (array_agg(device ORDER BY step DESC) FILTER (WHERE device IS NOT NULL))[1] AS device,
         ${mean('reward_margin')}, ${mean('reward_accuracy')}
       FROM (SELECT * FROM run_metrics WHERE run_id = $runId
               AND step > n * $steps::bigint / $count AND step <= (n + 1) * $steps::bigint / $count
             ORDER BY step DESC LIMIT ${STEPS_OF_A_POINT}) AS steps) AS point
     WHERE point.step IS NOT NULL ORDER BY point.step`,
    { bind: { runId, count, steps: size === 1 ? steps : count * stepsOfPoint }, type: QueryTypes.SELECT },
  );
  return {
    steps,
    thinned_until_step,
    points: base === null ? found : [{ ...BEFORE_ALL_STEPS, eval_loss: base }, ...found],
  };
}

const BEFORE_ALL_STEPS = {
  step: 0,
  epoch: 0,
  loss: null,
  learning_rate: null,
  grad_norm: null,
  tokens: 0,
  tokens_per_s: null,
  memory_bytes: null,
  device: null,
  reward_margin: null,
  reward_accuracy: null,
} as const;

/** The base's held-out loss over all traits: no step has it among its figures. Null where it was not measured. */
async function lossOfBase(runId: number): Promise<number | null> {
  const [told] = await connection().query<{ loss: number | null }>(
    `SELECT (data->>'loss')::float8 AS loss FROM run_events
     WHERE run_id = $runId AND kind = 'eval' AND data->>'step' = '0' AND data->>'trait' IS NULL ORDER BY seq DESC LIMIT 1`,
    { bind: { runId }, type: QueryTypes.SELECT },
  );
  return told?.loss ?? null;
}
