import { randomUUID } from 'node:crypto';
import { bodyOf } from '../api/client.ts';
import type { WorkerPool } from '../api/types.ts';
import { Refusal } from '../exit-codes.ts';
import type { Session } from '../session.ts';
import { columns } from '../terminal/table.ts';

type Action = 'start' | 'stop' | 'restart';

/** `mtm worker start N | stop [N] | restart [N]`: answers when it is done, or after eight seconds with how far it is. */
export async function control(session: Session, action: Action, count: number | undefined): Promise<void> {
  const pool = await ask(session, action, count);
  const { pending_action: pending } = pool;
  session.print(pool, () =>
    [poolText(pool), ...(pending ? [`${pending.action}: ${pending.done} of ${pending.total}, and goes on.`] : [])].join(
      '\n',
    ),
  );
}

export async function listWorkers({ client, print }: Session): Promise<void> {
  const pool = await bodyOf(client.GET('/api/v1/workers/'));
  print(pool, () => poolText(pool));
}

/** Starts a worker where none is there, so that what was asked for is trained, and says so. */
export async function ensureWorker(session: Session): Promise<void> {
  const pool = await bodyOf(session.client.GET('/api/v1/workers/'));
  // One that is just starting shows `stopped`; one that cannot start shows `error`, and is tried again.
  if (pool.workers.some(({ status }) => status !== 'error')) return;
  try {
    await ask(session, 'start', 1);
  } catch (error) {
    if (!(error instanceof Refusal) || error.status !== 403) throw error;
    session.say('There is no worker, and your key may not start one: what you asked for waits until an admin does.');
    return;
  }
  session.say('There was no worker: one was started, which trains one run at a time (`mtm worker start N` for more).');
}

async function ask({ client }: Session, action: Action, count: number | undefined): Promise<WorkerPool> {
  const params = { header: { 'Idempotency-Key': randomUUID() } };
  const body =
    action === 'start'
      ? { action, worker_count: count ?? 1 }
      : { action, ...(count === undefined ? {} : { worker_count: count }) };
  return await bodyOf(client.POST('/api/v1/workers/', { params, body }));
}

/** The pool in a line, and a line for each worker. */
export function poolText({
  workers,
  total_workers,
  busy_workers,
  idle_workers,
  max_workers,
  jobs_in_queue,
  hosts,
}: WorkerPool): string {
  const head = `${total_workers} of at most ${max_workers} workers: ${busy_workers} busy, ${idle_workers} idle; ${jobs_in_queue} in the queue`;
  const drains = hosts.flatMap(({ name, drain }) => (drain ? [`Host ${name} is ${drainText(drain)}.`] : []));
  const top = [head, ...drains].join('\n');
  if (workers.length === 0) return `${top}\nStart one with \`mtm worker start 1\`.`;
  const rows = workers.map(({ id, status, host, device, reason, drain, current_job_id, current_project_id }) => [
    `  ${id}`,
    drain?.state ?? status,
    `${host} ${device ?? ''}`.trim(),
    current_job_id !== null
      ? `job-${current_job_id}`
      : current_project_id !== null
        ? `project-${current_project_id}`
        : '',
    reason ?? '',
  ]);
  return `${top}\n${columns(rows)}`;
}

/** What a drain does, to follow a name and `is`. */
export function drainText({ state, move }: NonNullable<WorkerPool['hosts'][number]['drain']>): string {
  if (state === 'drained') return 'drained: nothing is trained there';
  return move ? 'being drained: its runs are saved and go on elsewhere' : 'being drained: its runs go on to their end';
}
