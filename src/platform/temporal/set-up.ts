import { setUpNamespace } from '../../../temporal/set-up-namespace.ts';
import type { Env } from '../env.ts';
import { lazyConnection } from './connection.ts';
import { tlsRemedy } from './settings.ts';

/** Less than a process is given to get ready (service-process.ts). */
const TIMEOUT_MS = 35_000;

/**
 * Prepares the Temporal that TEMPORAL_ADDRESS names: a server of others knows neither our namespace nor our search
 * attributes.
 * @throws Error with the reason, and the remedy where a person has to help.
 */
export async function setUpOutsideTemporal(env: Env, onNotice: (sentence: string) => void): Promise<void> {
  await setUpNamespace({
    namespace: env.temporalNamespace,
    isOurs: false,
    timeoutMs: TIMEOUT_MS,
    connect: async () => lazyConnection(env, { retries: false }),
    onNotice,
    remedyOf: tlsRemedy,
  });
}
