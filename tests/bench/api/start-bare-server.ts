import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type pg from 'pg';
import { z } from 'zod';

const SERVER = fileURLToPath(new URL('bare-server.ts', import.meta.url));
const Ready = z.object({ port: z.int() });

/** The server to compare with, in a process of its own, with a table like that of jobs. */
export async function startBareServer(client: pg.Client, databaseUrl: string) {
  await client.query('CREATE TABLE bare_jobs (LIKE jobs INCLUDING ALL)');
  // In a session of its own, as ours is: Linux divides the CPUs between sessions.
  const server = fork(SERVER, [databaseUrl], { execArgv: ['--import', 'tsx'], detached: true });
  const [message] = await once(server, 'message');
  return { url: `http://127.0.0.1:${Ready.parse(message).port}/jobs`, stop: () => server.disconnect() };
}
