import { readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Op } from 'sequelize';
import { Dataset } from '../../models/datasets/dataset.ts';
import { OpenAiFile } from '../../models/openai/openai-file.ts';
import { connection } from '../../models/runs/run.ts';
import type { Env } from '../../platform/env.ts';
import { exists } from '../../platform/files.ts';
import { isAbandoned, removeNote, timeOfDisk } from './notes.ts';
import { CONDEMNED, clockFile, datasetsDir, incomingDir, notesDir, removeFiles, tryToLockFiles } from './storage.ts';

/** What only lies around while somebody works, and has no note: no work on data takes longer (data-process.ts), and no upload in parts. */
const TEMPORARY_FOR_MS = 4 * 3_600_000;

/**
 * Removes files that no row names, and that no process is at any more: of uploads that were broken off or whose row was
 * not committed, and of datasets that were deleted. Only what is noted is looked at: that the database does not know a file
 * is no proof that nobody wants it, since the database may be a backup, or another one by mistake (docs/recovery.md).
 * @throws the error of a database that is away; then nothing is removed, and it can be called again
 */
export async function sweepFiles(env: Env): Promise<void> {
  const now = await timeOfDisk(clockFile(env));
  for (const name of await readdir(notesDir(env))) {
    if (await unlessGone(isAbandoned(join(notesDir(env), name), now, env.hostName), false)) await decide(env, name);
  }
  await removeTemporary(env, now);
}

/** The database decides; whoever would write a row that names the files waits for it, and then finds no note. */
async function decide(env: Env, name: string): Promise<void> {
  const id = name.replace(CONDEMNED, '');
  const condemned = join(notesDir(env), `${id}${CONDEMNED}`);
  await connection().transaction(async (transaction) => {
    // A transaction that writes the row is still going on.
    if (!(await tryToLockFiles(id, transaction))) return;
    if (!name.endsWith(CONDEMNED) && !(await unlessGone(take(join(notesDir(env), name), condemned), false))) return;
    // Asked last, by the transaction that has the lock: no row is there, and none can come.
    const rows = await Dataset.count({ where: { parquet_path: { [Op.endsWith]: `/${id}.parquet` } }, transaction });
    const files = await OpenAiFile.count({ where: { path: { [Op.substring]: `/${id}` } }, transaction });
    if (rows + files === 0) await removeFiles(env, id);
    await removeNote(condemned);
  });
}

async function take(note: string, condemned: string): Promise<true> {
  await rename(note, condemned);
  return true;
}

/** What earlier versions left, what DuckDB put aside in a process that was killed, and folders of parts that no upload has any more. */
async function removeTemporary(env: Env, now: number): Promise<void> {
  for (const [dir, end] of [
    [incomingDir(env), ''],
    [datasetsDir(env), '.partial'],
  ] as const) {
    for (const name of await readdir(dir)) {
      const note = join(notesDir(env), name.replace('.parquet.partial', ''));
      if (name.endsWith(end) && !(await exists(note))) await removeIfOld(join(dir, name), now);
    }
  }
}

async function removeIfOld(path: string, now: number): Promise<void> {
  const found = await unlessGone(stat(path), null);
  if (found && now - found.mtimeMs > TEMPORARY_FOR_MS) await rm(path, { recursive: true, force: true });
}

/** Whoever is at it may take it away meanwhile. */
async function unlessGone<T, G>(looking: Promise<T>, otherwise: G): Promise<T | G> {
  try {
    return await looking;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return otherwise;
    throw error;
  }
}
