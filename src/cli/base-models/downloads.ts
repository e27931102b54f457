import { setTimeout as after } from 'node:timers/promises';
import { bodyOf } from '../api/client.ts';
import type { ModelDownload } from '../api/types.ts';
import { CommandFailure, EXIT } from '../exit-codes.ts';
import type { Session } from '../session.ts';
import { createBar } from '../terminal/bar.ts';
import { leavingByCtrlC } from '../terminal/leaving.ts';
import { bytes } from '../terminal/numbers.ts';
import { columns } from '../terminal/table.ts';

const LOOK_EVERY_MS = 1_000;
const OPEN = ['pending', 'running', 'paused'];

interface AddOptions {
  revision?: string;
  host?: string;
  watch?: true;
}

/** `mtm model add NAME`: asks the service to fetch a model from the hub. With `watch` until that has ended; the exit code tells how. */
export async function addModel(
  session: Session,
  name: string,
  { watch, revision = 'main', ...where }: AddOptions,
): Promise<void> {
  const { client, print } = session;
  const download = await bodyOf(client.POST('/api/v1/models/', { body: { name, revision, ...where } }));
  if (watch) return await watchDownload(session, download);
  print(download, () => `${textOf(download)}\n\`mtm model downloads\` shows how far it is.`);
}

/** `mtm model downloads`: the latest, newest first. */
export async function listDownloads({ client, print }: Session): Promise<void> {
  const page = await bodyOf(client.GET('/api/v1/model-downloads/', { params: { query: { page_size: 20 } } }));
  print(page, () => (page.items.length > 0 ? columns(page.items.map(cellsOf)) : 'No model was asked for.'));
}

/** `mtm model pause | resume | cancel N`: of a download. */
export async function actOnDownload(
  { client, print }: Session,
  id: number,
  what: 'pause' | 'resume' | 'cancel',
): Promise<void> {
  const download = await bodyOf(client.POST(`/api/v1/model-downloads/{id}/${what}`, { params: { path: { id } } }));
  print(download, () => textOf(download));
}

/** `mtm model rm NAME`: from the cache of the machine of the API. */
export async function removeModel({ client, print }: Session, name: string): Promise<void> {
  await bodyOf(client.DELETE('/api/v1/models/{name}', { params: { path: { name } } }));
  print({ deleted: name }, () => `${name} is deleted.`);
}

/** Until it has ended, also while it is paused. Ctrl-C leaves the watch; the download goes on. */
async function watchDownload({ client, print }: Session, begun: ModelDownload): Promise<void> {
  const { id, name } = begun;
  const left = leavingByCtrlC();
  const bar = createBar();
  let now = begun;
  try {
    while (OPEN.includes(now.status) && !left.signal.aborted) {
      bar.show(now.bytes_done / (now.bytes_total ?? Number.POSITIVE_INFINITY), textOf(now), now.waiting_for ?? '');
      await after(LOOK_EVERY_MS, null, { signal: left.signal }).catch(() => {});
      now = await bodyOf(client.GET('/api/v1/model-downloads/{id}', { params: { path: { id } } }));
    }
  } finally {
    bar.end();
    left.end();
  }
  if (left.signal.aborted && OPEN.includes(now.status))
    throw new CommandFailure(`Left. The download goes on; \`mtm model cancel ${id}\` ends it.`, EXIT.left);
  print(now, () => (now.status === 'completed' ? `${name} is there, as commit ${now.commit}.` : textOf(now)));
  if (now.status === 'completed') return;
  throw new CommandFailure(
    now.error_message ?? `The download was ${now.status}.`,
    now.status === 'cancelled' ? EXIT.cancelled : EXIT.failed,
  );
}

function textOf(download: ModelDownload): string {
  return cellsOf(download).filter(Boolean).join('  ');
}

function cellsOf(download: ModelDownload): string[] {
  const { id, name, revision, host, status, bytes_done, bytes_total, waiting_for, error_message } = download;
  const size = bytes_total === null ? '' : `${bytes(bytes_done)} of ${bytes(bytes_total)}`;
  return [String(id), `${name}@${revision}`, host, status, size, error_message ?? waiting_for ?? ''];
}
