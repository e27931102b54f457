import { setTimeout as pause } from 'node:timers/promises';
import type pg from 'pg';
import { median } from '../../support/figures.ts';
import { gapsMs, stagesOf } from '../pool.ts';
import type { Build } from './build.ts';

const WORKERS = 4;
/** Starts of trainings that are timed; the queue must have more. */
const STARTS = 60;
const CANCELS = 20;
const WITH_WORKFLOW = 10;
/** So many runs are ready while there is no worker (PREPARED_AHEAD in src/models/runs/line.ts). */
const PREPARED = 2;
const TIMEOUT_MS = 120_000;
const WAIT_AT_MOST_MS = 60_000;
const ASK_EVERY_MS = 10;
const LOOK_EVERY_MS = 500;

/** How long a person waits who cancels, in milliseconds; medians. */
export interface CancelTimes {
  /** A run that waits as a row: until the answer, which says that it is cancelled. */
  inLineMs: number | null;
  /** One that has its workflow: until the answer, until the row says that nothing is left of it, and until Temporal does. */
  answerMs: number | null;
  closedMs: number | null;
  workflowClosedMs: number | null;
  /** From there on: until the next in the line is admitted, prepared and ready for a worker in its place. */
  nextReadyMs: number | null;
}

/** @param inLine runs that wait, of which some are cancelled, evenly over the line */
export async function timeCancels(build: Build, inLine: number[]): Promise<CancelTimes> {
  const { database } = build;
  const inLineMs: number[] = [];
  for (let n = 1; n <= CANCELS; n++) {
    const runId = inLine[Math.floor((n * (inLine.length - 1)) / CANCELS)] ?? 0;
    inLineMs.push(await cancel(build, runId));
    const { rows } = await database.query('SELECT status FROM runs WHERE id = $1', [runId]);
    if (rows[0]?.status !== 'cancelled') throw new Error(`Run ${runId} is ${rows[0]?.status} after its cancel.`);
  }
  const [answerMs, closedMs, workflowClosedMs, nextReadyMs]: number[][] = [[], [], [], []];
  for (let n = 0; n < WITH_WORKFLOW; n++) {
    const ready = await readyRuns(build);
    const [first] = ready;
    // A build that prepares all of them at the same time may have none by now.
    if (!first) break;
    const fromMs = performance.now();
    answerMs?.push(await cancel(build, first.id));
    const isClosed = await reached(async () => {
      const { rows } = await database.query('SELECT workflow_closed_at FROM runs WHERE id = $1', [first.id]);
      return rows[0]?.workflow_closed_at !== null;
    });
    // Another one would take as long.
    if (!isClosed) break;
    closedMs?.push(performance.now() - fromMs);
    const workflow = build.temporal.workflow.getHandle(first.workflow_id);
    await reached(async () => (await workflow.describe()).status.name !== 'RUNNING');
    workflowClosedMs?.push(performance.now() - fromMs);
    // In a build that prepares all that wait, there is no next one.
    if (ready.length > PREPARED) continue;
    await reached(async () => (await readyRuns(build)).length >= ready.length);
    nextReadyMs?.push(performance.now() - fromMs);
  }
  return {
    inLineMs: median(inLineMs),
    answerMs: median(answerMs ?? []),
    closedMs: median(closedMs ?? []),
    workflowClosedMs: median(workflowClosedMs ?? []),
    nextReadyMs: median(nextReadyMs ?? []),
  };
}

/** Cancels what was prepared for workers that are gone by now, so that as many are ready as without any. */
export async function cancelReady(build: Build): Promise<void> {
  for (const { id } of (await readyRuns(build)).slice(PREPARED)) await cancel(build, id);
}

/** Runs that have a workflow, are prepared, and wait for a worker. */
export async function readyRuns({ database }: Build): Promise<{ id: number; workflow_id: string }[]> {
  const { rows } = await database.query<{ id: number; workflow_id: string }>(
    `SELECT id, workflow_id FROM runs WHERE workflow_started_at IS NOT NULL AND status = 'queued' AND phase = 'waiting_for_worker' ORDER BY id LIMIT 200`,
  );
  return rows;
}

async function cancel(build: Build, runId: number): Promise<number> {
  const { rows } = await build.database.query<{ job_id: number }>('SELECT job_id FROM runs WHERE id = $1', [runId]);
  const fromMs = performance.now();
  const { status, body } = await build.call('POST', `/jobs/${rows[0]?.job_id}/cancel`);
  if (status !== 200) throw new Error(`Run ${runId} could not be cancelled: ${status} ${JSON.stringify(body)}`);
  return performance.now() - fromMs;
}

/** Asks every few milliseconds: what is measured may take as few. False where it takes longer than anybody would wait. */
async function reached(is: () => Promise<boolean>): Promise<boolean> {
  const untilMs = performance.now() + WAIT_AT_MOST_MS;
  while (!(await is())) {
    if (performance.now() > untilMs) return false;
    await pause(ASK_EVERY_MS);
  }
  return true;
}

/** How fast runs are started, once workers are there. */
export interface Dispatch {
  startsPerS: number;
  /** From the end of a stage of a run on a worker until it has the next. */
  gapMs: number | null;
  starts: number;
}

/** Starts four workers, waits until so many trainings have begun, and stops the workers. */
export async function timeDispatch(build: Build, starts = STARTS, timeoutMs = TIMEOUT_MS): Promise<Dispatch> {
  const { database } = build;
  const { rows: last } = await database.query<{ seq: number }>(
    'SELECT coalesce(max(seq), 0)::float8 AS seq FROM run_events',
  );
  const { status, body } = await build.call('POST', '/workers/', { action: 'start', worker_count: WORKERS });
  if (status >= 300) throw new Error(`POST /workers/: ${status} ${JSON.stringify(body)}`);
  const after = last[0]?.seq ?? 0;
  const untilMs = performance.now() + timeoutMs;
  // Seldom: what is asked here is work for the same machine.
  while (performance.now() < untilMs && (await trainedSince(database, after)) < starts) await pause(LOOK_EVERY_MS);
  await build.call('POST', '/workers/', { action: 'stop' });
  const all = await stagesOf(database, after);
  const trainings = all.filter(({ what }) => what === 'train').slice(0, starts);
  const [first, lastOne] = [trainings[0], trainings.at(-1)];
  if (!first || !lastOne || trainings.length < 2) return { startsPerS: 0, gapMs: null, starts: trainings.length };
  return {
    startsPerS: (trainings.length - 1) / ((lastOne.beganMs - first.beganMs) / 1_000),
    gapMs: median(gapsMs(all, lastOne.beganMs)),
    starts: trainings.length,
  };
}

async function trainedSince(database: pg.Client, seq: number): Promise<number> {
  const { rows } = await database.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM run_events WHERE seq > $1 AND kind = 'status' AND data->>'reason' = 'trained'`,
    [seq],
  );
  return rows[0]?.n ?? 0;
}
