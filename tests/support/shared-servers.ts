import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import pg from 'pg';
import { migrate } from '../../src/models/migrate.ts';
import { loadEnv } from '../../src/platform/env.ts';
import { startPostgres } from '../../src/platform/postgres/postgres.ts';
import { startTemporal } from '../../src/platform/temporal/temporal.ts';

/** By these a test file finds them; run-all.ts sets them. */
const POSTGRES = 'MTM_TEST_POSTGRES_URL';
const TEMPORAL = 'MTM_TEST_TEMPORAL_ADDRESS';

/** Linux has it. A container may have 64 MiB there: see LEAST_ROOM_BYTES. */
const MEMORY_FOLDER = '/dev/shm';
const LEAST_ROOM_BYTES = 4 * 1024 ** 3;

/** A database with our schema and nothing in it, which is copied for each test file. */
const TEMPLATE = 'mtm_template';

export interface SharedServers {
  databaseUrl: string;
  temporalAddress: string;
}

/** One PostgreSQL and one Temporal for all test files that do not stop or damage them: each has a database and a namespace. */
export async function startSharedServers(): Promise<{ variables: Record<string, string>; stop(): Promise<void> }> {
  const home = await mkdtemp(join(await serversFolder(), 'mtm-test-shared-'));
  const { toolsDir } = loadEnv();
  const [postgres, temporal] = await Promise.all([
    startPostgres({ home, port: 0 }),
    startTemporal({ home, toolsDir, port: 0, uiPort: 0, namespace: 'default', onProgress: () => {} }),
  ]);
  await asAdmin(postgres.url, `CREATE DATABASE ${TEMPLATE}`);
  await migrate(databaseOf(postgres.url, TEMPLATE));
  return {
    variables: { [POSTGRES]: postgres.url, [TEMPORAL]: temporal.address },
    stop: async () => {
      await Promise.all([postgres.stop(), temporal.stop()]);
      await rm(home, { recursive: true, force: true });
    },
  };
}

/**
 * In memory where the machine has such a folder: with some test files at once, one waits for the disk's writes of all others,
 * up to a time at which the service says that Temporal does not answer.
 */
async function serversFolder(): Promise<string> {
  const { bavail, bsize } = await statfs(MEMORY_FOLDER).catch(() => ({ bavail: 0, bsize: 0 }));
  return bavail * bsize >= LEAST_ROOM_BYTES ? MEMORY_FOLDER : tmpdir();
}

/** Null where nobody started any, as for a bench. */
export function sharedServers(): SharedServers | null {
  const { [POSTGRES]: databaseUrl, [TEMPORAL]: temporalAddress } = process.env;
  return databaseUrl && temporalAddress ? { databaseUrl, temporalAddress } : null;
}

/** A database of its own with our schema, on the shared server. */
export async function createDatabase({ databaseUrl }: SharedServers): Promise<{ url: string; drop(): Promise<void> }> {
  const name = uniqueName();
  await asAdmin(databaseUrl, `CREATE DATABASE ${name} TEMPLATE ${TEMPLATE}`);
  return {
    url: databaseOf(databaseUrl, name),
    drop: () => asAdmin(databaseUrl, `DROP DATABASE ${name} WITH (FORCE)`),
  };
}

/** A namespace of its own on the shared server, without search attributes of ours. */
export async function createNamespace({ temporalAddress }: SharedServers): Promise<string> {
  const namespace = uniqueName();
  const connection = await Connection.connect({ address: temporalAddress });
  try {
    await connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
    });
  } finally {
    await connection.close();
  }
  return namespace;
}

function uniqueName(): string {
  return `test_${randomBytes(6).toString('hex')}`;
}

function databaseOf(url: string, name: string): string {
  const other = new URL(url);
  other.pathname = `/${name}`;
  return other.href;
}

async function asAdmin(url: string, sql: string): Promise<void> {
  const client = new pg.Client(databaseOf(url, 'postgres'));
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
