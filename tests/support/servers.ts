import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadEnv } from '../../src/platform/env.ts';
import { startPostgres } from '../../src/platform/postgres/postgres.ts';
import { processStart } from '../../src/platform/process-identity.ts';
import { startTemporal } from '../../src/platform/temporal/temporal.ts';
import { processesOf } from './processes.ts';
import { until } from './service.ts';

export interface OutsideServer {
  stop(): Promise<void>;
  /** SIGKILL; returns when the process is gone. */
  kill(): Promise<void>;
  /** Again on the same port, with what it had. */
  start(): Promise<void>;
}

export interface OutsideServers {
  home: string;
  databaseUrl: string;
  temporalAddress: string;
  postgres: OutsideServer;
  temporal: OutsideServer;
  remove(): Promise<void>;
}

/** A PostgreSQL and a Temporal beside a service, which a test can stop and start. */
export async function startOutsideServers(): Promise<OutsideServers> {
  const home = await mkdtemp(join(tmpdir(), 'mtm-test-'));
  const { toolsDir } = loadEnv();
  let postgres = await startPostgres({ home, port: 0 });
  const serveTemporal = (port: number) =>
    startTemporal({ home, toolsDir, port, uiPort: 0, namespace: 'default', onProgress: () => {} });
  let temporal = await serveTemporal(0);
  const { url: databaseUrl, port: databasePort } = postgres;
  const temporalAddress = temporal.address;
  // The oldest of those that match: PostgreSQL's own children look alike.
  const kill = async (pattern: RegExp) => {
    const pid = (await processesOf(home)).find(({ command }) => pattern.test(command))?.pid;
    if (pid === undefined) throw new Error(`No process of ${home} is ${pattern}.`);
    process.kill(pid, 'SIGKILL');
    await until(`process ${pid} to be gone`, async () => ((await processStart(pid)) === null ? true : null));
  };
  return {
    home,
    databaseUrl,
    temporalAddress,
    postgres: {
      stop: () => postgres.stop(),
      kill: () => kill(/postgres -D /),
      start: async () => {
        postgres = await startPostgres({ home, port: databasePort });
      },
    },
    temporal: {
      stop: () => temporal.stop(),
      kill: () => kill(/temporal server start-dev/),
      start: async () => {
        temporal = await serveTemporal(Number(temporalAddress.split(':')[1]));
      },
    },
    remove: async () => {
      await Promise.all([postgres.stop(), temporal.stop()]);
      await rm(home, { recursive: true, force: true });
    },
  };
}
