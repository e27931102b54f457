import { type ClientConfigProfile, loadClientConfigProfile, toClientOptions } from '@temporalio/envconfig';
import type { Env } from '../env.ts';

type Tls = NonNullable<ClientConfigProfile['tls']>;

const FILES = [
  ['serverCACert', 'TEMPORAL_TLS_SERVER_CA_CERT_PATH'],
  ['clientCert', 'TEMPORAL_TLS_CLIENT_CERT_PATH'],
  ['clientKey', 'TEMPORAL_TLS_CLIENT_KEY_PATH'],
] as const;
const NOBODY_THERE = /ECONNREFUSED|Connection refused|ENOTFOUND|dns error|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH/i;

/**
 * How to reach Temporal: TEMPORAL_* variables or a profile file, as every Temporal tool reads them (address, TLS, API
 * key), so that an outside server or Temporal Cloud works without settings of our own.
 * @throws Error with one sentence that names the setting, where a file cannot be read, or a certificate has no key
 */
export function connectionOptions(env: Pick<Env, 'temporalAddress'>) {
  const profile = loadClientConfigProfile();
  const { tls } = profile;
  // envconfig itself would show no certificate then, and say nothing.
  if (tls !== undefined && (tls.clientCert === undefined) !== (tls.clientKey === undefined)) {
    const [given, missing] = tls.clientKey === undefined ? [FILES[1], FILES[2]] : [FILES[2], FILES[1]];
    throw new Error(
      `${given[1]} is set and ${missing[1]} is not: a certificate is of use with its key alone. Set both.`,
    );
  }
  try {
    const { connectionOptions } = toClientOptions(profile);
    return { ...connectionOptions, address: env.temporalAddress ?? connectionOptions.address ?? 'localhost:7233' };
  } catch (error) {
    const { path = '', code, message } = error as NodeJS.ErrnoException;
    const setting = FILES.find(([of]) => tls !== undefined && pathOf(tls, of) === path)?.[1];
    if (setting === undefined) throw error;
    throw new Error(`${setting} is ${path}, which cannot be read (${code ?? message}).`);
  }
}

/** What to look at where Temporal does not answer, as a sentence; empty where nobody is there at all. */
export function tlsRemedy(error: unknown): string {
  if (NOBODY_THERE.test(`${error} ${error instanceof Error ? String(error.cause) : ''}`)) return '';
  const { tls, apiKey } = loadClientConfigProfile();
  if (tls?.disabled === true || (tls === undefined && apiKey === undefined))
    return 'It was asked without TLS: if it wants TLS, set TEMPORAL_TLS=true, and TEMPORAL_TLS_SERVER_CA_CERT_PATH where an authority of yours signed its certificate.';
  const ca = tls && pathOf(tls, 'serverCACert');
  const cert = tls && pathOf(tls, 'clientCert');
  const authority = ca
    ? `the authority of TEMPORAL_TLS_SERVER_CA_CERT_PATH=${ca}`
    : 'an authority that the system knows, since TEMPORAL_TLS_SERVER_CA_CERT_PATH is not set';
  const name = tls?.serverName ? `TEMPORAL_TLS_SERVER_NAME=${tls.serverName}` : 'the name in TEMPORAL_ADDRESS';
  const ours = cert
    ? `We show the certificate TEMPORAL_TLS_CLIENT_CERT_PATH=${cert}, which it must trust.`
    : 'We show no certificate: where it wants one, set TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH.';
  return `It was asked with TLS: its certificate must be signed by ${authority}, and be for ${name}. ${ours}`;
}

function pathOf(tls: Tls, of: (typeof FILES)[number][0]): string | undefined {
  const source = tls[of];
  return source && 'path' in source ? source.path : undefined;
}
