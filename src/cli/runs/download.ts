import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { setTimeout as after } from 'node:timers/promises';
import { ifThere, isWithin, sha256OfFile } from '../../platform/files.ts';
import { authorization, bodyOf, requireSuccess } from '../api/client.ts';
import { CommandFailure, EXIT, Refusal } from '../exit-codes.ts';
import type { Session } from '../session.ts';
import { type Bar, createBar } from '../terminal/bar.ts';
import { bytes } from '../terminal/numbers.ts';
import { type RunName, textOf } from './run-name.ts';
import { withoutModel } from './without-model.ts';

const TRIES = 30;
const TRY_AGAIN_MS = 1_000;

/**
 * `mtm download ID [DIR]`: the files of a model, each checked by its sha256. What was fetched before, by a download that broke off,
 * is not fetched again: a file goes on where it stopped, also after another call.
 */
export async function download(session: Session, name: RunName, given: string | undefined): Promise<void> {
  const { kind, id, run } = name;
  const params = { path: { id }, query: run === undefined ? {} : { run } };
  const listed =
    kind === 'job'
      ? bodyOf(session.client.GET('/api/v1/jobs/{id}/files', { params }))
      : bodyOf(session.client.GET('/api/v1/projects/{id}/files', { params }));
  const files = await listed.catch(async (error: unknown) => {
    const isWithout = error instanceof Refusal && error.status === 400;
    throw (isWithout ? await withoutModel(session, name) : null) ?? error;
  });
  const run_number = files.run_number;
  const folder = await downloadFiles(
    session,
    files.items,
    given ?? textOf({ kind, id, run: run_number }),
    (place) => `${session.server.url}/api/v1/${kind}s/${id}/files/${place}?run=${run_number}`,
  );
  const total = files.items.reduce((sum, file) => sum + file.bytes, 0);
  session.print(files, () => `${files.items.length} files, ${bytes(total)}: ${folder}`);
}

/**
 * Fetches files into a folder, each checked by its sha256; what is there already stays.
 * @param urlOf of a file, by its path as it stands in an address
 * @returns the folder's whole path
 */
export async function downloadFiles(
  session: Session,
  files: { path: string; bytes: number; sha256: string }[],
  given: string,
  urlOf: (place: string) => string,
): Promise<string> {
  const folder = resolve(given);
  const total = files.reduce((sum, file) => sum + file.bytes, 0);
  const bar = createBar();
  let done = 0;
  try {
    for (const file of files) {
      const target = join(folder, file.path);
      if (!isWithin(target, folder)) throw new CommandFailure(`${file.path} would be written outside of ${folder}.`);
      const before = done;
      const show = (fetched: number) =>
        bar.show(
          (before + fetched) / Math.max(1, total),
          `${bytes(before + fetched)} of ${bytes(total)}  ${file.path}`,
        );
      const url = urlOf(file.path.split('/').map(encodeURIComponent).join('/'));
      if ((await ifThere(stat(target))) === null || (await sha256OfFile(target)) !== file.sha256)
        await fetchFile(session, { url, target, ...file }, bar, show);
      done += file.bytes;
    }
  } finally {
    bar.end();
  }
  return folder;
}

interface WantedFile {
  url: string;
  target: string;
  bytes: number;
  sha256: string;
}

/** Fetches what is missing of a file, by ranges, however often the connection breaks, and puts it into its place when its hash is right. */
async function fetchFile(
  { server }: Session,
  file: WantedFile,
  bar: Bar,
  show: (fetched: number) => void,
): Promise<void> {
  const draft = `${file.target}.part`;
  await mkdir(dirname(file.target), { recursive: true });
  for (let tries = 0; ; tries += 1) {
    const have = (await ifThere(stat(draft)))?.size ?? 0;
    if (have >= file.bytes && have > 0) break;
    try {
      await fetchRest(file, draft, have, authorization(server.key), show);
      break;
    } catch (error) {
      if (error instanceof CommandFailure && error.exitCode !== EXIT.unreachable) throw error;
      if (tries === TRIES)
        throw new CommandFailure(
          `${file.url} broke off ${TRIES} times. The same command goes on from there.`,
          EXIT.unreachable,
          { cause: error },
        );
      if (tries === 0) bar.note('The download broke off, and goes on when the service answers.');
      await after(TRY_AGAIN_MS);
    }
  }
  if ((await sha256OfFile(draft)) !== file.sha256) {
    await rm(draft);
    throw new CommandFailure(`${file.target} did not come as it is there: its sha256 is another. Download it again.`);
  }
  await rename(draft, file.target);
}

async function fetchRest(
  { url, bytes: size }: WantedFile,
  draft: string,
  have: number,
  headers: Record<string, string>,
  show: (fetched: number) => void,
): Promise<void> {
  const range: Record<string, string> = have > 0 ? { Range: `bytes=${have}-` } : {};
  const response = await requireSuccess(await fetch(url, { headers: { ...headers, ...range } }));
  const goesOn = response.status === 206;
  let fetched = goesOn ? have : 0;
  const body = Readable.fromWeb((response.body ?? new Blob([]).stream()) as ReadableStream);
  body.on('data', (part: Buffer) => {
    fetched += part.length;
    show(fetched);
  });
  await pipeline(body, createWriteStream(draft, { flags: goesOn ? 'a' : 'w' }));
  if (fetched < size) throw new Error(`${fetched} of ${size} bytes came.`);
}
