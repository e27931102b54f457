import { randomUUID } from 'node:crypto';
import { setTimeout as after } from 'node:timers/promises';
import { bodyOf, finishedBodyOf } from '../api/client.ts';
import type { Sweep, SweepCreate } from '../api/types.ts';
import { CommandFailure, EXIT } from '../exit-codes.ts';
import { ensureWorker } from '../pool/pool.ts';
import { changeOf, type WhenOptions } from '../runs/queue.ts';
import type { Session } from '../session.ts';
import { createBar } from '../terminal/bar.ts';
import { leavingByCtrlC } from '../terminal/leaving.ts';
import { readSweepFile } from './sweep-file.ts';
import { sweepPlanText } from './sweep-plan-text.ts';
import { progressOf, sweepListText, sweepText } from './sweep-text.ts';

const LOOK_EVERY_MS = 1_000;

/** `mtm sweep create -f FILE`: begins it; with a worker, if there is none. With `plan`, says what it would be instead. */
export async function sweepCreate(
  session: Session,
  { file, watch, plan }: { file: string; watch?: true | undefined; plan?: true | undefined },
): Promise<void> {
  const body = await readSweepFile(session, file);
  if (plan) return await sweepPlan(session, body);
  const params = { header: { 'Idempotency-Key': randomUUID() } };
  const sweep = await bodyOf(session.client.POST('/api/v1/sweeps/', { params, body }));
  await ensureWorker(session);
  if (watch) return await watchUntilEnd(session, sweep);
  const { id, runs } = sweep;
  session.print(
    sweep,
    () => `Sweep ${id} has begun, with ${runs.length} runs. Follow it with \`mtm sweep watch ${id}\`.`,
  );
}

/** What it would be; nothing is created. @throws CommandFailure where one of its runs would be refused */
async function sweepPlan({ client, print }: Session, body: SweepCreate): Promise<void> {
  const plan = await finishedBodyOf(client.POST('/api/v1/sweeps/plan', { body }));
  print(plan, () => sweepPlanText(plan));
  if (plan.runs.some(({ refusal }) => refusal !== null))
    throw new CommandFailure('The sweep would be refused: no job or project may have such settings.');
}

export async function sweepList({ client, print }: Session): Promise<void> {
  const page = await bodyOf(client.GET('/api/v1/sweeps/', { params: { query: { page_size: 100 } } }));
  print(page, () => sweepListText(page.items));
}

export async function sweepShow(session: Session, id: number): Promise<void> {
  const sweep = await read(session, id);
  session.print(sweep, () => sweepText(sweep));
}

/** `mtm sweep watch N`: the exit code tells how it ended. */
export async function sweepWatch(session: Session, id: number): Promise<void> {
  await watchUntilEnd(session, await read(session, id));
}

/** `mtm sweep pause | resume | cancel N`. */
export async function sweepAct(
  { client, print }: Session,
  id: number,
  what: 'pause' | 'resume' | 'cancel',
): Promise<void> {
  const sweep = await bodyOf(client.POST(`/api/v1/sweeps/{id}/${what}`, { params: { path: { id } } }));
  print(sweep, () => progressOf(sweep).text);
}

/** `mtm sweep when N`, and `front`: of those of its runs that wait for their first worker. */
export async function sweepWhen({ client, print }: Session, id: number, options: WhenOptions): Promise<void> {
  const asked = { params: { path: { id } }, body: changeOf(options) };
  const sweep = await bodyOf(client.POST('/api/v1/sweeps/{id}/queue', asked));
  print(sweep, () => `The runs of sweep ${id} that wait begin as asked. \`mtm run queue\` shows their places.`);
}

async function read({ client }: Session, id: number): Promise<Sweep> {
  return await bodyOf(client.GET('/api/v1/sweeps/{id}', { params: { path: { id } } }));
}

/** Ctrl-C leaves the watch; the sweep goes on. */
async function watchUntilEnd(session: Session, begun: Sweep): Promise<void> {
  const left = leavingByCtrlC();
  const bar = createBar();
  let now = begun;
  try {
    while (isOpen(now) && !left.signal.aborted) {
      const { share, text } = progressOf(now);
      bar.show(share, text, '');
      await after(LOOK_EVERY_MS, null, { signal: left.signal }).catch(() => {});
      now = await read(session, now.id);
    }
  } finally {
    bar.end();
    left.end();
  }
  if (left.signal.aborted && isOpen(now))
    throw new CommandFailure(`Left. The sweep goes on; \`mtm sweep cancel ${now.id}\` ends it.`, EXIT.left);
  session.print(now, () => sweepText(now));
  if (now.status === 'cancelled') throw new CommandFailure('The sweep was cancelled.', EXIT.cancelled);
  if (now.status !== 'completed') throw new CommandFailure(now.error_message ?? 'The sweep failed.');
}

const isOpen = ({ status }: Sweep) => status === 'running' || status === 'paused';
