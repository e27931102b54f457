import { createHash } from 'node:crypto';
import { lstat, open, readdir, readFile, realpath, rename, rm, symlink, utimes } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { findModel } from '../../base-models/find-model.ts';
import { linkOrCopy, makeDurable, makeFolder, writeDurably } from '../../platform/durable-files.ts';
import type { Env } from '../../platform/env.ts';
import { UserError } from '../../platform/failure.ts';
import { exists, ifThere, isWithin, NoRoomError, requireRoom, sha256OfFile } from '../../platform/files.ts';
import { type BackedUpEntry, type BackedUpFile, BackupReader, MANIFEST_SUM, type Manifest } from './manifest.ts';
import { type Move, moved, movesOf, requirePlace } from './places.ts';
import { requireKnownSchema, restoreDatabase, settleRows, stateOfDatabase } from './restore-database.ts';
import { RESTORING } from './restoring.ts';
import type { Keys } from './sealing.ts';
import { verifyBackup } from './verify-backup.ts';

/** Of a home, what somebody has made with a service. */
const OF_A_SERVICE = ['runs', 'uploads', 'datasets', 'starts', 'mixtures', 'postgres', 'temporal.db'];

export interface RestoreOptions {
  env: Env;
  /** The folder of a backup. */
  folder: string;
  keys: Keys;
  /** OLD=NEW, of output roots. */
  outputRoots: string[];
  /** Gives the database that is filled, which is started where it is the embedded one. */
  openDatabase: () => Promise<{ url: string; close: () => Promise<void> }>;
  onProgress: (sentence: string) => void;
}

export interface Restored {
  made_at: string;
  version: string;
  files: number;
  bytes: number;
  left_out: string[];
  /** Base models that runs use and that this machine does not have. */
  missing_models: string[];
}

/**
 * Puts a backup onto an empty machine: all is looked at first, then come the files and, when each is there, the rows. One that is killed
 * leaves a home that no service starts with, and is finished by the same command.
 * @throws UserError where something is there already, or the backup is damaged or of a later version
 */
export async function restoreBackup(options: RestoreOptions): Promise<Restored> {
  const { env, folder, onProgress } = options;
  const backup = await BackupReader.open(folder, options.keys);
  const { manifest } = backup;
  requireKnownSchema(manifest);
  const moves = movesOf(manifest, env, options.outputRoots);
  const mark = JSON.stringify({ backup: await readFile(join(folder, MANIFEST_SUM), 'utf8'), moves });
  const isResumed = await requireNothingElse(env, mark);
  onProgress('Verifying the backup…');
  await verifyBackup(backup);
  await requirePlaces(backup, env, moves, isResumed);
  await requireRoomFor(backup, moves);
  await makeFolder(env.home);
  if (!env.databaseUrl && !isResumed) await writeDurably(join(env.home, RESTORING), mark);
  const database = await options.openDatabase();
  try {
    const state = await stateOfDatabase(database.url, manifest);
    if (state === 'other' || (state === 'restored' && !isResumed))
      throw new UserError(
        'The database is not empty: a backup is restored into one that has nothing. Make a new one, and name it with DATABASE_URL.',
      );
    await writeDurably(join(env.home, RESTORING), mark);
    onProgress('Restoring files…');
    await restoreFiles(backup, env, moves);
    onProgress('Restoring the database…');
    if (state === 'empty')
      await restoreDatabase({
        databaseUrl: database.url,
        backup,
        moves,
        idsAreUsed: env.temporalAddress !== undefined,
      });
    await settleRows(database.url, manifest.host_name, env.hostName);
  } finally {
    await database.close();
  }
  await rm(join(env.home, RESTORING));
  await makeDurable(env.home);
  const { made_at, version, files, left_out } = manifest;
  return {
    made_at,
    version,
    files: files.count,
    bytes: files.bytes,
    left_out,
    missing_models: await missingModels(env, manifest),
  };
}

/** @returns whether an earlier attempt with the same backup is gone on with */
async function requireNothingElse({ home }: Env, mark: string): Promise<boolean> {
  const begun = await ifThere(readFile(join(home, RESTORING), 'utf8'));
  if (begun === mark) return true;
  if (begun !== null)
    throw new UserError(
      `Another backup was begun to be restored into ${home}, or to other places. Finish that with the same command, or set MTM_HOME to an empty folder.`,
    );
  const there: string[] = [];
  for (const name of OF_A_SERVICE) {
    const found = await ifThere(lstat(join(home, name)));
    const isEmpty = found?.isDirectory() && (await readdir(join(home, name))).length === 0;
    if (found && !isEmpty) there.push(name);
  }
  if (there.length === 0) return false;
  throw new UserError(
    `${home} is not empty: it has ${there.join(', ')}. A backup is restored into a home that has nothing: set MTM_HOME to another folder, or move these away.`,
  );
}

async function requirePlaces(backup: BackupReader, env: Env, moves: Move[], isResumed: boolean): Promise<void> {
  for await (const entry of backup.files()) {
    const place = moved(entry.path, moves);
    requirePlace(entry.path, place, env);
    if (!isResumed && (await ifThere(lstat(place))))
      throw new UserError(
        `${place} is there already, and the backup has it too. Move it away, or say with --output-root OLD=NEW where models go.`,
      );
  }
}

/** By the disks that the folders are on; files that share their content are counted once. */
async function requireRoomFor(backup: BackupReader, moves: Move[]): Promise<void> {
  const byRoot = new Map<string, number>();
  const counted = new Set<string>();
  for await (const entry of backup.files()) {
    if (!('stored' in entry) || counted.has(entry.identity)) continue;
    const place = moved(entry.path, moves);
    if (await exists(place)) continue;
    counted.add(entry.identity);
    const root = moves.find(({ to }) => isWithin(place, to))?.to ?? dirname(place);
    byRoot.set(root, (byRoot.get(root) ?? 0) + entry.stored.bytes);
  }
  for (const [root, bytes] of byRoot)
    await requireRoom(root, bytes).catch((error: unknown) => {
      if (!(error instanceof NoRoomError)) throw error;
      throw new UserError(
        `There is no room at ${root} for what the backup has there: ${(bytes / 1024 ** 2).toFixed(0)} MiB.`,
      );
    });
}

async function restoreFiles(backup: BackupReader, env: Env, moves: Move[]): Promise<void> {
  const roots = await Promise.all(
    [env.home, ...env.outputRoots].map(async (root) => [root, await realRoot(root)] as const),
  );
  const folders = new Set<string>();
  const first = new Map<string, string>();
  for await (const entry of backup.files()) {
    const place = moved(entry.path, moves);
    const parent = dirname(place);
    if (!folders.has(parent)) {
      await makeFolder(parent);
      await requireNoLink(parent, roots);
      folders.add(parent);
    }
    await restoreEntry(backup, entry, place, first);
  }
  for (const made of folders) await makeDurable(made);
}

async function restoreEntry(
  backup: BackupReader,
  entry: BackedUpEntry,
  place: string,
  first: Map<string, string>,
): Promise<void> {
  if ('link' in entry) {
    if (!(await ifThere(lstat(place)))) await symlink(entry.link, place);
    return;
  }
  const other = first.get(entry.identity);
  first.set(entry.identity, other ?? place);
  const there = await ifThere(lstat(place));
  if (there?.isFile() && there.size === entry.stored.bytes && (await sha256OfFile(place)) === entry.stored.sha256)
    return;
  if (there) await rm(place);
  // The same file had several names: it is one on this disk, too.
  if (other !== undefined) await linkOrCopy(other, place);
  else await copyVerified(backup, entry, place);
}

/** Under another name until it is whole. */
async function copyVerified(
  backup: BackupReader,
  { stored, mode, mtime_ms }: BackedUpFile,
  place: string,
): Promise<void> {
  const draft = join(dirname(place), `.${basename(place).slice(0, 200)}.restoring`);
  await rm(draft, { force: true });
  const hash = createHash('sha256');
  const file = await open(draft, 'wx', mode & 0o777);
  try {
    for await (const chunk of backup.read(stored)) {
      hash.update(chunk);
      await file.writeFile(chunk);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  if (hash.digest('hex') !== stored.sha256) {
    await rm(draft);
    throw new UserError(`${join(backup.folder, stored.blob)} changed after it was verified. Use another backup.`);
  }
  await utimes(draft, mtime_ms / 1000, mtime_ms / 1000);
  await rename(draft, place);
}

async function realRoot(root: string): Promise<string> {
  await makeFolder(root);
  return await realpath(root);
}

/** @throws UserError where a link leads out of the place that a folder has by its name */
async function requireNoLink(folder: string, roots: (readonly [string, string])[]): Promise<void> {
  const real = await realpath(folder);
  const isPlain = roots.some(([root, at]) => isWithin(folder, root) && real === join(at, folder.slice(root.length)));
  if (!isPlain)
    throw new UserError(`${folder} leads to ${real} through a link. Put a folder in its place, then restore again.`);
}

async function missingModels(env: Env, { models }: Manifest): Promise<string[]> {
  const missing: string[] = [];
  for (const { name, revision } of models) {
    const exact = revision === null || name.includes('@') || name.includes(':') ? name : `${name}@${revision}`;
    if (!(await findModel(env, exact)).available) missing.push(exact);
  }
  return missing;
}
