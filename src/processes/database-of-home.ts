import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Env } from '../platform/env.ts';
import { startPostgres } from '../platform/postgres/postgres.ts';
import { runningPostgresUrl } from '../platform/postgres/running-postgres.ts';
import { type HomeLock, lockHome } from './start/home-lock.ts';

export interface OpenDatabase {
  url: string;
  /** Whether it is running without us. */
  isRunning: boolean;
  close: () => Promise<void>;
}

/**
 * The database of a service, whether it runs or not: an outside one, that of the running service, or the embedded one, which is started for
 * as long as it is needed. Meanwhile the home is locked, so that the service cannot be started on the same data.
 * A home without one gets it. @throws Error where somebody is about to start it
 */
export async function databaseOfHome(env: Env): Promise<OpenDatabase> {
  if (env.databaseUrl) return { url: env.databaseUrl, isRunning: true, close: async () => {} };
  await mkdir(join(env.home, 'logs'), { recursive: true });
  const lock = await lockHome(env.home, 0).catch(() => null);
  if (lock === null) {
    const url = await runningPostgresUrl(env.home);
    if (url === null)
      throw new Error(
        `The service of ${env.home} runs, and its database is not started yet, or is another one: set DATABASE_URL to that of the service.`,
      );
    return { url, isRunning: true, close: async () => {} };
  }
  return await embedded(env, lock);
}

/** The embedded one of a home that nobody uses, which is made where there is none. `lock`: ends with it. */
export async function embedded(env: Env, lock: HomeLock): Promise<OpenDatabase> {
  try {
    const postgres = await startPostgres({ home: env.home, port: 0 });
    return {
      url: postgres.url,
      isRunning: false,
      close: async () => {
        await postgres.stop();
        await lock.release();
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}
