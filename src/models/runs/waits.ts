import { QueryTypes } from 'sequelize';
import { drainsOfWanted } from '../pool/drain.ts';
import { type Place, placesInLine, workerPlaces } from './line.ts';
import { connection, type Run } from './run.ts';

type Waiting = Pick<
  Run,
  | 'id'
  | 'status'
  | 'pause_reason'
  | 'waiting_for'
  | 'result'
  | 'lease_epoch'
  | 'barred'
  | 'not_before'
  | 'after_job_id'
  | 'after_project_id'
>;

/** What is known of a run that waits. */
export interface Wait {
  place: number | null;
  /** A sentence. */
  because: string;
}

/** Why each of these runs waits that has not been trained, as a sentence, with its place in the line where it is in it. */
export async function waitsOf(runs: Waiting[]): Promise<Map<number, Wait>> {
  const waiting = runs.filter(({ status, result }) => ['pending', 'queued'].includes(status) && !result);
  if (waiting.length === 0) return new Map();
  const [places, awaited, noWorker] = await Promise.all([
    placesInLine(waiting.map(({ id }) => id)),
    awaitedBy(waiting.filter(({ barred }) => barred)),
    workerPlaces().then(async (places) => (places === 0 ? whyNoWorker(await drainsOfWanted()) : '')),
  ]);
  return new Map(
    waiting.map((run) => {
      const place = places.get(run.id);
      return [run.id, { place: place?.place ?? null, because: because(run, place, awaited, noWorker) }];
    }),
  );
}

function because(
  run: Waiting,
  place: Place | undefined,
  awaited: Map<string, string | null>,
  noWorker: string,
): string {
  if (run.pause_reason !== null) return `It is held. ${run.pause_reason}`;
  if (run.waiting_for !== null) return run.waiting_for;
  if (run.barred) return barsOf(run, awaited).join(' ');
  if (run.lease_epoch > 0) return `It goes on with the next worker that is free.${noWorker}`;
  if (place === undefined || place.place === 1) return `It is the next that a worker takes.${noWorker}`;
  const before = place.place - 1;
  const higher = place.ofHigherPriority > 0 ? ` (${place.ofHigherPriority} of higher priority)` : '';
  return `It waits behind ${before} ${before === 1 ? 'other' : 'others'}${higher}.${noWorker}`;
}

/** With a space before it. */
function whyNoWorker(drained: string[]): string {
  if (drained.length === 0) return ' There is no worker: start one.';
  const names = drained.join(' and ').replace(/^./, (first) => first.toUpperCase());
  return ` ${names} ${drained.length === 1 ? 'is' : 'are'} being drained, and there is no other worker.`;
}

function barsOf(
  { not_before, after_job_id, after_project_id }: Waiting,
  awaited: Map<string, string | null>,
): string[] {
  const bars: string[] = [];
  if (not_before !== null && not_before.getTime() > Date.now())
    bars.push(`It does not begin before ${not_before.toISOString()}.`);
  if (after_job_id !== null || after_project_id !== null) {
    const name = after_job_id === null ? `project ${after_project_id}` : `job ${after_job_id}`;
    const status = awaited.get(name);
    if (status !== 'completed') bars.push(`It begins after ${name}, ${howAwaitedIs(name, status)}`);
  }
  return bars.length > 0 ? bars : ['It joins the line in a moment.'];
}

function howAwaitedIs(name: string, status: string | null | undefined): string {
  const otherwise = 'or let this one wait for something else, or for nothing.';
  if (status === undefined) return `which was deleted. Let this one wait for something else, or for nothing.`;
  if (status === null) return `which has not been started. Start it, ${otherwise}`;
  if (status === 'failed' || status === 'cancelled')
    return `which ${status === 'failed' ? 'failed' : 'was cancelled'}. Start ${name} again, ${otherwise}`;
  return `which is ${status}.`;
}

/** The status of the latest run of each job and project that one of these waits for; null: it has none. */
async function awaitedBy(runs: Waiting[]): Promise<Map<string, string | null>> {
  if (runs.length === 0) return new Map();
  const found = await connection().query<{ name: string; status: string | null }>(
    `SELECT 'job ' || jobs.id AS name, status FROM jobs LEFT JOIN runs ON runs.id = latest_run_id WHERE jobs.id = ANY($jobIds::int[])
     UNION ALL
     SELECT 'project ' || projects.id, status FROM projects LEFT JOIN runs ON runs.id = latest_run_id WHERE projects.id = ANY($projectIds::int[])`,
    {
      bind: {
        jobIds: runs.flatMap(({ after_job_id }) => after_job_id ?? []),
        projectIds: runs.flatMap(({ after_project_id }) => after_project_id ?? []),
      },
      type: QueryTypes.SELECT,
    },
  );
  return new Map(found.map(({ name, status }) => [name, status]));
}
