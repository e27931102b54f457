import { bodyOf } from '../api/client.ts';
import type { WorkerPool } from '../api/types.ts';
import type { Session } from '../session.ts';
import { poolText } from './pool.ts';

/** `mtm worker drain HOST|WORKER`: answers at once; `mtm worker list` says when it is drained. */
export async function drain(session: Session, name: string, { move = false }: { move?: boolean }): Promise<void> {
  const { client } = session;
  const body = { move };
  const pool = (await isWorker(session, name))
    ? await bodyOf(client.POST('/api/v1/workers/{worker}/drain', { params: { path: { worker: name } }, body }))
    : await bodyOf(client.POST('/api/v1/workers/hosts/{host}/drain', { params: { path: { host: name } }, body }));
  show(session, pool);
}

export async function undrain(session: Session, name: string): Promise<void> {
  const { client } = session;
  const pool = (await isWorker(session, name))
    ? await bodyOf(client.POST('/api/v1/workers/{worker}/undrain', { params: { path: { worker: name } } }))
    : await bodyOf(client.POST('/api/v1/workers/hosts/{host}/undrain', { params: { path: { host: name } } }));
  show(session, pool);
}

/** What is no worker is a host, or nothing: then the answer says which hosts there are. */
async function isWorker({ client }: Session, name: string): Promise<boolean> {
  const { hosts, workers } = await bodyOf(client.GET('/api/v1/workers/'));
  return !hosts.some((host) => host.name === name) && workers.some(({ id }) => id === name);
}

function show(session: Session, pool: WorkerPool): void {
  session.print(pool, () => poolText(pool));
}
