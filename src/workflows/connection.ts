import { Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { NativeConnection } from '@temporalio/worker';
import type { Env } from '../env.ts';

/**
 * How to reach Temporal: TEMPORAL_* variables or a profile file, as every Temporal tool reads them (address, TLS, API
 * key), so that an outside server or Temporal Cloud works without settings of our own.
 */
function connectionOptions(env: Env) {
  const { connectionOptions } = loadClientConnectConfig();
  return { ...connectionOptions, address: env.temporalAddress ?? connectionOptions.address ?? 'localhost:7233' };
}

/** For clients. Connects when first used, so that the API starts and answers while Temporal is away. */
export function lazyConnection(env: Env): Connection {
  return Connection.lazy(connectionOptions(env));
}

/** For workers. Rejects when Temporal cannot be reached now. */
export async function workerConnection(env: Env): Promise<NativeConnection> {
  const { address, tls, apiKey, metadata } = connectionOptions(env);
  return await NativeConnection.connect({
    address,
    ...(tls === undefined ? {} : { tls }),
    ...(typeof apiKey === 'string' ? { apiKey } : {}),
    ...(metadata === undefined ? {} : { metadata }),
  });
}
