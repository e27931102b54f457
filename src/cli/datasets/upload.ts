import { randomUUID } from 'node:crypto';
import { openAsBlob } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { ifThere, sha256OfFile } from '../../platform/files.ts';
import { authorization, bodyOf, reach, requireSuccess } from '../api/client.ts';
import type { Dataset } from '../api/types.ts';
import { CommandFailure } from '../exit-codes.ts';
import type { Session } from '../session.ts';
import { createBar } from '../terminal/bar.ts';

const LOOK_EVERY_MS = 500;

/** What is said of a file beside its rows. */
export interface UploadOptions {
  name?: string;
  description?: string;
  mapping?: string;
  onBadRows?: string;
}

/**
 * Uploads a file, and shows how far it is. One that is there under its name, byte for byte, is not sent again.
 * @throws CommandFailure with the line, the column and the remedy where the file cannot be read
 */
export async function uploadOnce(session: Session, path: string, options: UploadOptions = {}): Promise<Dataset> {
  const found = await ifThere(stat(path));
  if (!found?.isFile()) throw new CommandFailure(`${path} is not a file.`);
  const name = options.name ?? basename(path);
  const known = await sameDataset(session, name, path);
  if (known !== null) {
    session.say(`${path} is already there as dataset ${known.id}.`);
    return known;
  }
  const bar = createBar();
  const looking = setInterval(() => void showUpload(session, basename(path), bar.show).catch(() => {}), LOOK_EVERY_MS);
  try {
    const form = new FormData();
    form.set('file', await openAsBlob(path), basename(path));
    form.set('name', name);
    if (options.description !== undefined) form.set('description', options.description);
    if (options.mapping !== undefined) form.set('mapping', options.mapping);
    if (options.onBadRows !== undefined) form.set('on_bad_rows', options.onBadRows);
    const { url, key } = session.server;
    const headers = { ...authorization(key), 'Idempotency-Key': randomUUID() };
    const ask = () => fetch(`${url}/api/v1/datasets/`, { method: 'POST', headers, body: form });
    const response = await requireSuccess(await reach(url, ask, true));
    // Documented so; the types of the document are of the typed client alone.
    return (await response.json()) as Dataset;
  } finally {
    clearInterval(looking);
    bar.end();
  }
}

/** The dataset of this name that has the same bytes; null where there is none, or where its mapping would be another. */
async function sameDataset({ client }: Session, name: string, path: string): Promise<Dataset | null> {
  const { items } = await bodyOf(client.GET('/api/v1/datasets/', { params: { query: { name, page_size: 100 } } }));
  const candidates = items.filter((dataset) => dataset.name === name && dataset.sha256 !== null);
  if (candidates.length === 0) return null;
  const sha256 = await sha256OfFile(path);
  return candidates.find((dataset) => dataset.sha256 === sha256) ?? null;
}

/** Uploads are listed by the name of their file. */
async function showUpload(
  { client }: Session,
  filename: string,
  show: (progress: number, text: string) => void,
): Promise<void> {
  const { items } = await bodyOf(client.GET('/api/v1/datasets/uploads'));
  const upload = items.find((each) => each.filename === filename);
  if (upload) show(upload.progress / 100, `${upload.phase} ${filename}`);
}

/** A dataset by its number, its name, or the path of a file, which is uploaded unless it is there. */
export async function datasetFor(session: Session, text: string, folder = process.cwd()): Promise<Dataset> {
  if (/^\d+$/.test(text))
    return await bodyOf(session.client.GET('/api/v1/datasets/{id}', { params: { path: { id: Number(text) } } }));
  const path = resolve(folder, text);
  if ((await ifThere(stat(path))) !== null) return await uploadOnce(session, path);
  const query = { name: text, page_size: 100 };
  const { items } = await bodyOf(session.client.GET('/api/v1/datasets/', { params: { query } }));
  const named = items.filter(({ name }) => name === text);
  const [found] = named;
  if (!found)
    throw new CommandFailure(
      `${text} was not found: neither a file nor a dataset of that name. \`mtm dataset list\` shows the datasets.`,
    );
  if (named.length > 1)
    throw new CommandFailure(
      `Datasets ${named.map(({ id }) => id).join(', ')} are all called ${text}: give the number of one.`,
    );
  return found;
}
