import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { lstat, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { durableRenameFolder, makeDurable, makeFolder } from '../../platform/durable-files.ts';
import type { Env } from '../../platform/env.ts';
import { freeBytes, ifThere, KEEP_FREE_BYTES } from '../../platform/files.ts';
import { VERSION } from '../../platform/version.ts';
import { pinnedRevision } from '../../runs/pinned-model.ts';
import { runPaths } from '../../runs/run-paths.ts';
import { startsDir } from '../../runs/starts.ts';
import { earlierBackup, FileStore, identityOf, noRoom } from './file-store.ts';
import { walk } from './folders.ts';
import {
  type BackedUpEntry,
  backupsIn,
  FILE_LIST,
  FORMAT,
  MANIFEST,
  MANIFEST_SUM,
  type Manifest,
  nameOfBackup,
  PARTIAL,
  partialBackupsIn,
  type Stored,
} from './manifest.ts';
import { markAsScheduled, removeOlder } from './older-backups.ts';
import { filesOfRun } from './run-files.ts';
import { type Readers, Seal } from './sealing.ts';
import { type Snapshot, takeSnapshot } from './snapshot.ts';
import { FileTaking } from './take-files.ts';

export interface BackupOptions {
  env: Env;
  databaseUrl: string;
  /** Has a folder for each backup. Nobody else may be making one in it. */
  directory: string;
  /** What the database names and is not there is left out, and told. */
  allowMissing: boolean;
  /** So many whole backups are left, this one too; null: all. */
  keep: number | null;
  /** Null: it is not encrypted. An encrypted one is copied as a whole: who may write it need not be able to read the one before. */
  readers: Readers | null;
  /** Made by the service itself, by its schedule. */
  isScheduled?: boolean;
  /** Ends it, and leaves nothing of it. */
  signal?: AbortSignal;
  onProgress: (sentence: string) => void;
}

export interface MadeBackup {
  folder: string;
  made_at: string;
  files: number;
  /** Of all that is in it, and of that what was written now: the rest is what an earlier backup had. */
  bytes: number;
  copied_bytes: number;
  left_out: string[];
  removed: string[];
}

/**
 * Makes a backup of a service, which may be running: first the rows, as they are at one moment, and then the files that these name.
 * It has its name once it is whole and on the disk for good.
 * @throws UserError where there is no room, or something that the database names is missing
 */
export async function makeBackup(options: BackupOptions): Promise<MadeBackup> {
  const { env, databaseUrl, directory, onProgress, signal } = options;
  await makeFolder(directory);
  for (const name of await partialBackupsIn(directory)) await rm(join(directory, name), { recursive: true });
  const last = (await backupsIn(directory)).at(-1);
  const name = nameOfBackup(new Date());
  const partial = join(directory, `${name}${PARTIAL}`);
  await mkdir(partial, { mode: 0o700 });
  try {
    const seal = options.readers && (await Seal.create(partial, options.readers));
    const earlier = last === undefined || seal ? null : await earlierBackup(join(directory, last));
    const store = new FileStore(partial, { earlier, seal, signal });
    await requireRoomForRows(databaseUrl, partial);
    onProgress('Reading the database…');
    const snapshot = await takeSnapshot(databaseUrl, (_table, rows) => store.addTable(rows));
    await requireRoomForFiles(env, snapshot, store, partial);
    onProgress('Copying files…');
    const list = listOf(partial, seal);
    const taking = new FileTaking({ env, databaseUrl, store, note: list.note });
    await taking.all(snapshot, options.allowMissing);
    const files = await list.end();
    const { made_at, schema, tables, sequences } = snapshot;
    const manifest: Manifest = {
      format: FORMAT,
      version: VERSION,
      made_at,
      schema,
      home: env.home,
      output_roots: env.outputRoots,
      host_name: env.hostName,
      tables,
      sequences,
      files,
      models: await modelsOf(env, snapshot),
      left_out: taking.leftOut,
    };
    if (options.isScheduled) await markAsScheduled(partial);
    await finish(partial, manifest, seal);
    signal?.throwIfAborted();
    const folder = join(directory, name);
    await durableRenameFolder(partial, folder);
    return {
      folder,
      made_at,
      files: files.count,
      bytes: files.bytes + tables.reduce((sum, { stored }) => sum + stored.bytes, 0),
      copied_bytes: store.copiedBytes,
      left_out: manifest.left_out,
      removed: options.keep === null ? [] : await removeOlder(directory, await backupsIn(directory), options.keep),
    };
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error;
  }
}

/** Of a database that is compressed later, which nobody knows before: as much as it takes itself. */
async function requireRoomForRows(databaseUrl: string, partial: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ bytes: string }>('SELECT pg_database_size(current_database()) AS bytes');
    await requireBytes(partial, Number(rows[0]?.bytes) / 2);
  } finally {
    await client.end();
  }
}

/** Before the first of them is copied: what is to be read, and no earlier backup has. */
async function requireRoomForFiles(env: Env, snapshot: Snapshot, store: FileStore, partial: string): Promise<void> {
  const seen = new Set<string>();
  let bytes = 0;
  const count = async (path: string) => {
    const found = await ifThere(lstat(path, { bigint: true }));
    if (!found?.isFile()) return;
    const identity = identityOf(found);
    if (seen.has(identity) || !store.hasToCopy(identity)) return;
    seen.add(identity);
    bytes += Number(found.size);
  };
  for (const { file_path, parquet_path } of snapshot.datasets)
    for (const path of [file_path, parquet_path]) if (path !== null) await count(path);
  for (const { path } of snapshot.openAiFiles) await count(path);
  for (const run of snapshot.runs) {
    const paths = runPaths(env, run);
    for await (const path of filesOfRun(paths)) await count(path);
    if (run.status !== 'completed') for await (const { path } of walk(paths.checkpoints)) await count(path);
    for await (const { path } of walk(paths.exports)) await count(path);
    if (run.output_path !== null) for await (const { path } of walk(run.output_path)) await count(path);
  }
  for await (const { path } of walk(startsDir(env))) await count(path);
  await requireBytes(partial, bytes);
}

async function requireBytes(partial: string, bytes: number): Promise<void> {
  const free = await freeBytes(partial);
  if (bytes > free - KEEP_FREE_BYTES) throw noRoom(partial, bytes, free);
}

/** The list of files, which is written as they are taken: however many there are, none is kept in memory for it. */
function listOf(partial: string, seal: Seal | null) {
  const lines = new PassThrough();
  const content = seal ? seal.seal(lines) : lines;
  const written = Promise.resolve(content).then((stream) =>
    pipeline(stream, createWriteStream(join(partial, FILE_LIST), { flags: 'wx', mode: 0o600 })),
  );
  // Told at the end, or by whoever writes next.
  written.catch((error: Error) => lines.destroy(error));
  const hash = createHash('sha256');
  const paths = new Set<string>();
  let [bytes, listed] = [0, 0];
  return {
    note: async (entry: BackedUpEntry) => {
      // Several rows may name one file.
      if (paths.has(entry.path)) return;
      paths.add(entry.path);
      const line = `${JSON.stringify(entry)}\n`;
      hash.update(line);
      listed += Buffer.byteLength(line);
      if ('stored' in entry) bytes += entry.stored.bytes;
      if (!lines.write(line)) await once(lines, 'drain');
    },
    end: async (): Promise<Manifest['files']> => {
      lines.end();
      await written;
      const list: Stored = { blob: FILE_LIST, bytes: listed, sha256: hash.digest('hex') };
      return { count: paths.size, bytes, list };
    },
  };
}

/** The manifest, once all that it vouches for is on the disk, and its hash last. */
async function finish(partial: string, manifest: Manifest, seal: Seal | null): Promise<void> {
  await makeDurable(join(partial, FILE_LIST));
  const text = Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`);
  const stored = seal ? await buffer(await seal.seal(Readable.from([text]))) : text;
  await writeFile(join(partial, MANIFEST), stored, { mode: 0o600 });
  await makeDurable(join(partial, MANIFEST));
  const sum = createHash('sha256').update(stored).digest('hex');
  await writeFile(join(partial, MANIFEST_SUM), `${sum}\n`, { mode: 0o600 });
}

async function modelsOf(env: Env, { runs }: Snapshot): Promise<Manifest['models']> {
  const models = new Map<string, Manifest['models'][0]>();
  for (const run of runs) {
    const revision = await pinnedRevision(env, run);
    models.set(`${run.base_model}\n${revision}`, { name: run.base_model, revision });
  }
  return [...models.values()].sort((a, b) => a.name.localeCompare(b.name));
}
