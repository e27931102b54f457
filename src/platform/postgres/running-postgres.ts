import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DATABASE, USER } from './postgres.ts';

/** In PostgreSQL's postmaster.pid: pid, directory, start, and then the port. */
const PORT_LINE = 3;

/**
 * Where the embedded PostgreSQL of a service that runs with this home answers.
 * @throws Error of the file system where none was started, or for somebody who may not read its password
 */
export async function runningPostgresUrl(home: string): Promise<string> {
  const base = join(home, 'postgres');
  const [password, pidFile] = await Promise.all([
    readFile(join(base, 'password'), 'utf8'),
    readFile(join(base, 'data', 'postmaster.pid'), 'utf8'),
  ]);
  return `postgres://${USER}:${password.trim()}@127.0.0.1:${pidFile.split('\n')[PORT_LINE]}/${DATABASE}`;
}
