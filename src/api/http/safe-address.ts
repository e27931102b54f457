import type { Env } from '../../platform/env.ts';

/** Whether only those reach the API who may use it: without keys it answers nobody else. */
export function isOpenWithoutKeys({ host, trustNetwork }: Pick<Env, 'host' | 'trustNetwork'>): boolean {
  return trustNetwork || host === 'localhost' || host === '::1' || /^127\./.test(host);
}

/**
 * @param countKeys how many keys the database has that were not revoked
 * @throws Error with the remedy when the API would listen where strangers reach it, without keys
 */
export async function requireSafeAddress(env: Env, countKeys: () => Promise<number>): Promise<void> {
  if (isOpenWithoutKeys(env) || env.apiKeys.length > 0 || (await countKeys()) > 0) return;
  throw new Error(
    `MTM_HOST is ${env.host}, where others can reach the API, and it has no key. Make one: mtm key add NAME --role admin --local; or set MTM_API_KEYS to one or more long random keys, separated by commas; or MTM_TRUST_NETWORK=true if only those who may use it can reach that address.`,
  );
}
