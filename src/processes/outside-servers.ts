import { isGrpcServiceError } from '@temporalio/client';
import pg from 'pg';
import { schemaAt } from '../models/schema.ts';
import type { Env } from '../platform/env.ts';
import { objectStoreOf } from '../platform/object-store/object-store.ts';
import { explainTls, requireTlsFiles } from '../platform/postgres/tls.ts';
import { lazyConnection } from '../platform/temporal/connection.ts';
import { tlsRemedy } from '../platform/temporal/settings.ts';

const CONNECT_TIMEOUT_MS = 3_000;
/** Of gRPC. */
const NOT_FOUND = 5;

// What the doctor says of servers that others run: each throws what is wrong with one, and the setting to look at.

export async function outsidePostgres(connectionString: string): Promise<string> {
  requireTlsFiles(connectionString);
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  try {
    await client.connect();
  } catch (error) {
    if (explainTls(error, connectionString) instanceof Error && /DATABASE_URL/.test(String(error))) throw error;
    throw new Error(`DATABASE_URL cannot be used: ${error instanceof Error ? error.message : String(error)}.`);
  } finally {
    await client.end().catch(() => {});
  }
  return `an outside one (DATABASE_URL), it answers; ${await schemaAt(connectionString)}`;
}

export async function outsideTemporal(env: Env): Promise<string> {
  const { temporalAddress, temporalNamespace: namespace } = env;
  const { connection, close } = lazyConnection(env);
  try {
    await connection.withDeadline(Date.now() + CONNECT_TIMEOUT_MS, () =>
      connection.workflowService.describeNamespace({ namespace }),
    );
    return `an outside one at ${temporalAddress} (TEMPORAL_ADDRESS), it answers`;
  } catch (error) {
    if (isGrpcServiceError(error) && error.code === NOT_FOUND)
      return `an outside one at ${temporalAddress} (TEMPORAL_ADDRESS), it answers; its namespace ${namespace} is made at the start`;
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(
      `TEMPORAL_ADDRESS ${temporalAddress}, namespace ${namespace}, cannot be used: ${why.replace(/\.?$/, '.')} ${tlsRemedy(error)}`.trimEnd(),
    );
  } finally {
    await close();
  }
}

export async function outsideStore(env: Env): Promise<string> {
  await objectStoreOf(env)?.look();
  return `${env.storeUrl} (MTM_STORE_URL), it answers`;
}
