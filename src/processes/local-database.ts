import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { connectModels } from '../models/database.ts';
import { migrate } from '../models/migrate.ts';
import type { Env } from '../platform/env.ts';
import { startPostgres } from '../platform/postgres/postgres.ts';
import { runningPostgresUrl } from '../platform/postgres/running-postgres.ts';
import { findService } from '../platform/service-file.ts';
import { lockHome } from './start/home-lock.ts';

/**
 * Does something in the database of this MTM_HOME, past the API: for whoever has the machine. An embedded PostgreSQL that does not
 * run is started for so long.
 */
export async function inLocalDatabase<T>(env: Env, work: () => Promise<T>): Promise<T> {
  if (env.databaseUrl) return await connected(env.databaseUrl, work);
  if (await findService(env.home)) return await connected(await runningPostgresUrl(env.home), work);
  await mkdir(join(env.home, 'logs'), { recursive: true });
  const lock = await lockHome(env.home);
  try {
    const postgres = await startPostgres({ home: env.home, port: env.postgresPort });
    try {
      await migrate(postgres.url);
      return await connected(postgres.url, work);
    } finally {
      await postgres.stop();
    }
  } finally {
    await lock.release();
  }
}

async function connected<T>(databaseUrl: string, work: () => Promise<T>): Promise<T> {
  const sequelize = connectModels(databaseUrl);
  try {
    return await work();
  } finally {
    await sequelize.close();
  }
}
