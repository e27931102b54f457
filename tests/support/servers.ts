import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadEnv } from '../../src/env.ts';
import { startPostgres } from '../../src/local/postgres.ts';
import { startTemporal } from '../../src/local/temporal.ts';

interface OutsideServer {
  stop(): Promise<void>;
  /** Again on the same port, with what it had. */
  start(): Promise<void>;
}

export interface OutsideServers {
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
  return {
    databaseUrl,
    temporalAddress,
    postgres: {
      stop: () => postgres.stop(),
      start: async () => {
        postgres = await startPostgres({ home, port: databasePort });
      },
    },
    temporal: {
      stop: () => temporal.stop(),
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
