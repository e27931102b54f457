import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ifThere } from '../files.ts';
import { DATABASE, USER } from './postgres.ts';

/** The address of the embedded PostgreSQL that a running service of this home has started, as its own files tell; null where there is none. */
export async function runningPostgresUrl(home: string): Promise<string | null> {
  const base = join(home, 'postgres');
  const [note, password] = await Promise.all(
    [join(base, 'data', 'postmaster.pid'), join(base, 'password')].map((path) => ifThere(readFile(path, 'utf8'))),
  );
  // Its fourth line is the port (PostgreSQL, "postmaster.pid").
  const port = Number(note?.split('\n')[3]);
  if (!Number.isInteger(port) || port <= 0 || password == null) return null;
  return `postgres://${USER}:${password.trim()}@127.0.0.1:${port}/${DATABASE}`;
}
