import { accessSync, constants } from 'node:fs';

const FILES = ['sslrootcert', 'sslcert', 'sslkey'];
/** Of Node's TLS, when it does not trust the server's certificate. */
const NOT_TRUSTED = /^(SELF_SIGNED_CERT|DEPTH_ZERO_SELF_SIGNED|UNABLE_TO_|CERT_|ERR_TLS_CERT)/;

/** @throws Error with one sentence where a file of certificates or keys that DATABASE_URL names cannot be read */
export function requireTlsFiles(databaseUrl: string): void {
  for (const name of FILES) {
    const path = parameterOf(databaseUrl, name);
    if (path === null) continue;
    try {
      accessSync(path, constants.R_OK);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      throw new Error(`DATABASE_URL names the file ${path} as ${name}, and it cannot be read (${code}).`);
    }
  }
}

/**
 * Gives an error of a connection its remedy where TLS is what failed: which part of DATABASE_URL to look at. Changes its message, so
 * that it stays of its class; every other error is left as it is.
 */
export function explainTls(error: unknown, databaseUrl: string): unknown {
  if (!(error instanceof Error)) return error;
  const remedy = remedyOf(error, databaseUrl);
  if (remedy !== null && !error.message.includes('DATABASE_URL'))
    error.message = `PostgreSQL cannot be reached by DATABASE_URL: ${error.message.replace(/\.$/, '')}. ${remedy}`;
  return error;
}

function remedyOf(error: Error, databaseUrl: string): string | null {
  const { message } = error;
  const code = 'code' in error ? error.code : 'original' in error ? (error.original as { code?: unknown }).code : '';
  const ca = parameterOf(databaseUrl, 'sslrootcert');
  if (NOT_TRUSTED.test(String(code)))
    return ca === null
      ? "Add sslrootcert=FILE, the certificate of the authority that signed the server's; the name in the address must be one that it is for."
      : `Its certificate must be signed by the authority of sslrootcert=${ca}, not be expired, and be for the name in the address.`;
  if (/does not support SSL/.test(message)) return 'Turn TLS on at the server, or take sslmode out.';
  if (/client certificate/.test(message)) return 'Name a certificate that it trusts with sslcert=FILE and sslkey=FILE.';
  if (/no encryption/.test(message)) return 'Add sslmode=verify-full, and sslrootcert=FILE.';
  return null;
}

function parameterOf(databaseUrl: string, name: string): string | null {
  return URL.canParse(databaseUrl) ? new URL(databaseUrl).searchParams.get(name) : null;
}
