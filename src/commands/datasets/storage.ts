import { mkdir, readdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { QueryTypes, type Transaction } from 'sequelize';
import { isMadeFrom } from '../../datasets/conversation-files.ts';
import type { Dataset } from '../../models/datasets/dataset.ts';
import { connection } from '../../models/runs/run.ts';
import { makeDurable, makeFolder } from '../../platform/durable-files.ts';
import type { Env } from '../../platform/env.ts';
import { NotYetError } from '../../platform/failure.ts';
import { exists, ifThere } from '../../platform/files.ts';
import { holdNote, letGo, removeNote } from './notes.ts';

/**
 * The files of a dataset, all named after one id: a note as long as the database may not know them, what is received in
 * `incoming/`, and at the end the upload itself and its Parquet.
 *
 * Files are removed on proof alone that no row names them. Until a row of theirs was asked for, that is certain. From then
 * on only the database knows: an error may mean that the row was committed and the answer lost. Then files and note
 * stay, and the sweeper (sweep.ts) asks.
 */

/** A note whose files no row can come to name any more. */
export const CONDEMNED = '.condemned';

export function incomingDir(env: Env): string {
  return join(env.home, 'uploads', 'incoming');
}

/** Where it is noted which files lie at their places without a row. */
export function notesDir(env: Env): string {
  return join(env.home, 'uploads', 'unfinished');
}

/** Tells the time of the disk; outside of the folders of data, in which every file is somebody's. */
export function clockFile(env: Env): string {
  return join(env.home, '.clock');
}

export function datasetsDir(env: Env): string {
  return join(env.home, 'datasets');
}

/** Makes them so that they are there after a loss of power, also where an earlier start was killed before it had. */
export async function makeFolders(env: Env): Promise<void> {
  for (const dir of [incomingDir(env), notesDir(env), datasetsDir(env)]) {
    await makeFolder(dir);
    await makeDurable(dirname(dir));
  }
  await makeDurable(env.home);
}

/** The files of a dataset that is being made. */
export interface NewFiles {
  /** For what is received. */
  incoming: string;
  parquet: string;
  /** Where the file of this name is kept. */
  source: (originalName: string) => string;
  /**
   * First in the transaction that writes the row: until it ends, the sweeper leaves these files alone.
   * @throws NotYetError when the sweeper took them already
   */
  beforeRow: (transaction: Transaction) => Promise<void>;
  /** A row names them. */
  keep: () => Promise<void>;
  /** No row can name them. */
  discard: () => Promise<void>;
  /** A row may name them. */
  leave: () => Promise<void>;
}

/** Notes files of this id, so that they are found when this process dies before they have a row. */
export async function claimFiles(env: Env, id: string): Promise<NewFiles> {
  const note = join(notesDir(env), id);
  const incoming = join(incomingDir(env), id);
  await holdNote(note, env.hostName);
  try {
    await mkdir(incoming, { recursive: true });
  } catch (error) {
    letGo(note);
    throw error;
  }
  const removeIncoming = () => rm(incoming, { recursive: true, force: true });
  return {
    incoming,
    parquet: join(datasetsDir(env), `${id}.parquet`),
    source: (originalName) => join(env.home, 'uploads', `${id}${extensionOf(originalName)}`),
    beforeRow: async (transaction) => {
      await lockFiles(id, transaction);
      if (!(await exists(note)))
        throw new NotYetError('The upload stood still for so long that it was taken for broken off. Send it again.');
    },
    keep: async () => {
      await removeIncoming();
      await removeNote(note);
    },
    discard: async () => {
      await removeFiles(env, id);
      await removeNote(note);
    },
    leave: async () => {
      await removeIncoming();
      letGo(note);
    },
  };
}

/** What came of new files. */
export interface Made<T> {
  answer: T;
  /** A row that is committed for certain names them. */
  isNamed: boolean;
}

/**
 * Has new files made and a row written that names them, after `beforeRow` in its transaction. What fails before a row was asked for
 * leaves nothing; what fails afterwards, or ends with the row of somebody else, leaves them to the sweeper.
 */
export async function withNewFiles<T>(
  env: Env,
  id: string,
  make: (files: Pick<NewFiles, 'incoming' | 'parquet' | 'source' | 'beforeRow'>) => Promise<Made<T>>,
): Promise<T> {
  const files = await claimFiles(env, id);
  let isAsked = false;
  let isNamed = false;
  const beforeRow = async (transaction: Transaction) => {
    await files.beforeRow(transaction);
    isAsked = true;
  };
  try {
    const made = await make({ ...files, beforeRow });
    isNamed = made.isNamed;
    return made.answer;
  } finally {
    if (isNamed) await files.keep();
    else if (isAsked) await files.leave();
    else await files.discard();
  }
}

/** With which an upload is kept: its own, and that it is packed. */
function extensionOf(name: string): string {
  return name.toLowerCase().match(/\.[a-z]+(\.(gz|zst|zstd))?$/)?.[0] ?? '';
}

/** Removes the row that names files by `destroy`, then them. The sweeper does the rest when this process dies in between. */
export async function deleteWithFiles(
  env: Env,
  { file_path, parquet_path }: Pick<Dataset, 'file_path' | 'parquet_path'>,
  destroy: () => Promise<void>,
): Promise<void> {
  const note = join(notesDir(env), `${basename(parquet_path, '.parquet')}${CONDEMNED}`);
  await holdNote(note, env.hostName);
  try {
    await destroy();
    for (const path of [file_path, parquet_path, ...(await madeFromParquet(parquet_path))])
      await rm(path, { force: true });
  } catch (error) {
    letGo(note);
    throw error;
  }
  await removeNote(note);
}

/** The conversations of its rows, by each mapping that they were asked for with. */
async function madeFromParquet(parquetPath: string): Promise<string[]> {
  const names = (await ifThere(readdir(dirname(parquetPath)))) ?? [];
  const ours = names.filter((name) => name.startsWith(`${basename(parquetPath, '.parquet')}.`) && isMadeFrom(name));
  return ours.map((name) => join(dirname(parquetPath), name));
}

/** Every file of this id but its notes. */
export async function removeFiles(env: Env, id: string): Promise<void> {
  const uploads = join(env.home, 'uploads');
  const sources = (await readdir(uploads)).filter((name) => name === id || name.startsWith(`${id}.`));
  const parquet = join(datasetsDir(env), `${id}.parquet`);
  const paths = [
    join(incomingDir(env), id),
    parquet,
    ...(await madeFromParquet(parquet)),
    `${parquet}.partial`,
    ...sources.map((name) => join(uploads, name)),
  ];
  for (const path of paths) await rm(path, { recursive: true, force: true });
}

/** Waits until no other transaction decides about the files of this id; none does until this one ends. */
async function lockFiles(id: string, transaction: Transaction): Promise<void> {
  const bind = { id };
  await connection().query('SELECT pg_advisory_xact_lock(hashtextextended($id, 0))', { bind, transaction });
}

/** The same, without waiting: whether nobody else decides. */
export async function tryToLockFiles(id: string, transaction: Transaction): Promise<boolean> {
  const [row] = await connection().query<{ locked: boolean }>(
    'SELECT pg_try_advisory_xact_lock(hashtextextended($id, 0)) AS locked',
    { bind: { id }, transaction, type: QueryTypes.SELECT },
  );
  return row?.locked === true;
}
