import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Op } from 'sequelize';
import type { Env } from '../../env.ts';
import { Dataset } from '../../models/dataset.ts';

/** Where uploads arrive. What is left there at a start was broken off. */
export function incomingDir(env: Env): string {
  return join(env.home, 'uploads', 'incoming');
}

/** Where it is noted which files lie at their places before the database knows of them. */
function unfinishedDir(env: Env): string {
  return join(env.home, 'uploads', 'unfinished');
}

function datasetsDir(env: Env): string {
  return join(env.home, 'datasets');
}

/** Makes the folders, and removes what uploads and conversions left there that were broken off. */
export async function sweepIncoming(env: Env): Promise<void> {
  await rm(incomingDir(env), { recursive: true, force: true });
  for (const dir of [incomingDir(env), unfinishedDir(env), datasetsDir(env)]) await mkdir(dir, { recursive: true });
  for (const name of await readdir(datasetsDir(env)))
    if (name.endsWith('.partial')) await rm(join(datasetsDir(env), name), { recursive: true, force: true });
}

/** Where the files of a new dataset are put. */
export interface Places {
  source: string;
  parquet: string;
  /** Once the database knows of them, or they are removed. */
  release: () => Promise<void>;
}

/** Places for the files of a new dataset, noted so that they are removed when this process dies before it has a row. */
export async function claimPlaces(env: Env, extension: string): Promise<Places> {
  const id = randomUUID();
  const note = join(unfinishedDir(env), id);
  await writeFile(note, extension);
  return {
    source: join(env.home, 'uploads', `${id}${extension}`),
    parquet: join(datasetsDir(env), `${id}.parquet`),
    release: () => rm(note, { force: true }),
  };
}

/**
 * Removes the files of uploads that an earlier process did not finish: files that the database knows stay.
 * @throws the error of a database that is away; then nothing is removed, and it can be called again
 */
export async function sweepUnfinished(env: Env): Promise<void> {
  const startedAt = Date.now() - process.uptime() * 1000;
  for (const id of await readdir(unfinishedDir(env))) {
    const note = join(unfinishedDir(env), id);
    const { mtimeMs } = await stat(note);
    if (mtimeMs >= startedAt) continue;
    const parquet = join(datasetsDir(env), `${id}.parquet`);
    const isKnown = (await Dataset.count({ where: { parquet_path: { [Op.eq]: parquet } } })) > 0;
    if (!isKnown) {
      const sources = (await readdir(join(env.home, 'uploads'))).filter((name) => name.startsWith(`${id}.`));
      for (const path of [parquet, ...sources.map((name) => join(env.home, 'uploads', name))])
        await rm(path, { force: true });
    }
    await rm(note, { force: true });
  }
}
