import { QueryTypes } from 'sequelize';
import type { DeviceFigures } from '../../trainer/protocol.ts';
import { IN_LINE } from '../runs/order.ts';
import { connection } from '../runs/run.ts';
import type { RunPhase, RunStatus } from '../runs/statuses.ts';

/** How many runs that have not ended are in a status and phase. */
export interface OpenRuns {
  status: RunStatus;
  phase: RunPhase;
  trainingType: string;
  runs: number;
}

/** A run that a worker has now, as its trainer told last. Times are seconds, or seconds since 1970. */
export interface RunUnderWay {
  id: number;
  jobId: number | null;
  projectId: number | null;
  trainingType: string;
  phase: RunPhase;
  workerId: string | null;
  host: string | null;
  /** What its worker trains on. */
  device: string | null;
  progressPercent: number;
  step: number;
  totalSteps: number | null;
  loss: number | null;
  tokensPerS: number | null;
  secondsLeft: number | null;
  attempts: number;
  renewals: number;
  /** Until its lease ends; negative: so long ago. */
  leaseSecondsLeft: number | null;
  /** When it began, told a step or saved last. */
  progressedAt: number;
  memoryBytes: number | null;
  gpu: DeviceFigures | null;
}

/** A run that is tried again and again without success. */
export interface RunInTrouble {
  id: number;
  attempts: number;
  /** Seconds since 1970. */
  since: number;
}

export interface QueueFigures {
  waiting: number;
  /** Seconds since the oldest of the line was asked for; 0 when it is empty. */
  oldestS: number;
  /** Runs that were let begin and have no workflow yet, and for how long the oldest of them has not. */
  toDispatch: number;
  dispatchLagS: number;
}

/** Those that have not ended, counted. Reads these alone, however many have ended. */
export async function openRuns(): Promise<OpenRuns[]> {
  return await connection().query<OpenRuns>(
    `SELECT status, phase, "trainingType", count(*)::int AS runs FROM (
       SELECT status, phase, spec->>'training_type' AS "trainingType" FROM runs
       WHERE admitted_at IS NOT NULL AND status IN ('pending', 'queued', 'running')
       UNION ALL
       SELECT status, phase, spec->>'training_type' FROM runs WHERE admitted_at IS NULL AND status = 'pending'
     ) AS open GROUP BY status, phase, "trainingType"`,
    { type: QueryTypes.SELECT },
  );
}

export async function queueFigures(): Promise<QueueFigures> {
  const [found] = await connection().query<QueueFigures>(
    `SELECT line.n + to_validate.n AS waiting, extract(epoch FROM now() - coalesce(line.oldest, now()))::float8 AS "oldestS",
       to_start.n AS "toDispatch", extract(epoch FROM now() - coalesce(to_start.oldest, now()))::float8 AS "dispatchLagS"
     FROM (SELECT count(*)::int AS n, min(created_at) AS oldest FROM runs WHERE ${IN_LINE}) AS line,
       (SELECT count(*)::int AS n FROM runs
        WHERE admitted_at IS NOT NULL AND status = 'queued' AND result IS NOT NULL AND pause_reason IS NULL) AS to_validate,
       (SELECT count(*)::int AS n, min(admitted_at) AS oldest FROM runs
        WHERE admitted_at IS NOT NULL AND workflow_started_at IS NULL AND workflow_closed_at IS NULL
          AND status IN ('pending', 'queued', 'running')) AS to_start`,
    { type: QueryTypes.SELECT },
  );
  if (!found) throw new Error('A count always gives a row.');
  return found;
}

/** The runs that workers have: as many as there are workers, at most. */
export async function runsUnderWay(): Promise<RunUnderWay[]> {
  return await connection().query<RunUnderWay>(
    `SELECT run.id, run.job_id AS "jobId", run.project_id AS "projectId", run.spec->>'training_type' AS "trainingType", run.phase,
       run.worker_id AS "workerId", worker.host, worker.device, run.progress AS "progressPercent", run.current_step AS step,
       run.total_steps AS "totalSteps", run.current_loss AS loss, run.tokens_per_s AS "tokensPerS", run.seconds_left AS "secondsLeft",
       run.lease_epoch AS attempts, run.lease_renewals AS renewals,
       extract(epoch FROM run.lease_expires_at - now())::float8 AS "leaseSecondsLeft",
       extract(epoch FROM run.updated_at)::float8 AS "progressedAt", last.memory_bytes AS "memoryBytes", last.device AS gpu
     FROM runs AS run
     LEFT JOIN workers AS worker ON worker.id = run.worker_id
     LEFT JOIN LATERAL (
       SELECT memory_bytes, device FROM run_metrics WHERE run_id = run.id AND step <= run.current_step ORDER BY step DESC LIMIT 1
     ) AS last ON true
     WHERE run.admitted_at IS NOT NULL AND run.status = 'running'`,
    { type: QueryTypes.SELECT },
  );
}

export async function runsInTrouble(): Promise<RunInTrouble[]> {
  return await connection().query<RunInTrouble>(
    `SELECT id, waiting_attempts AS attempts, extract(epoch FROM waiting_since)::float8 AS since FROM runs
     WHERE admitted_at IS NOT NULL AND status IN ('pending', 'queued', 'running') AND pause_reason IS NULL AND waiting_since IS NOT NULL`,
    { type: QueryTypes.SELECT },
  );
}
