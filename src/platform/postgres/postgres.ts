import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { execa } from 'execa';
import pg from 'pg';
import { durableRename } from '../durable-files.ts';
import { errnoOf, exists, ifThere } from '../files.ts';
import { choosePort } from '../ports.ts';
import { commandLine, processStart } from '../process-identity.ts';
import { endProcess, readServerNote, requireNotElsewhere, startServerProcess } from '../server-process.ts';
import { type PostgresBinaries, postgresBinaries } from './postgres-binaries.ts';

const START_TIMEOUT_MS = 30_000;
const CHILDREN_GONE_MS = 10_000;
export const USER = 'mtm';
export const DATABASE = 'mtm';

export interface LocalPostgres {
  url: string;
  port: number;
  /** Resolves when the server has ended, for whatever reason. */
  ended: Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts the embedded PostgreSQL on the loopback interface with its data in `home/postgres`, made on first need. A server
 * that an earlier start left behind (its starter was killed) is ended first, in order.
 * @throws Error with the log's place when it does not answer in time.
 */
export async function startPostgres(options: { home: string; port: number }): Promise<LocalPostgres> {
  const binaries = await postgresBinaries();
  const base = join(options.home, 'postgres');
  const data = join(base, 'data');
  const logFile = join(options.home, 'logs', 'postgres.log');
  await mkdir(base, { recursive: true, mode: 0o700 });
  await mkdir(join(options.home, 'logs'), { recursive: true });
  await endPostgresLeftover(options.home);
  const password = await passwordOf(base);
  if (!(await exists(data))) await initialise(binaries, base, data);

  const port = await choosePort(options.port);
  const [command, ...prefix] = binaries.asAllowedUser('postgres');
  const server = await startServerProcess({
    command,
    args: [
      ...prefix,
      '-D',
      data,
      '-p',
      String(port),
      '-c',
      'listen_addresses=127.0.0.1',
      '-c',
      'unix_socket_directories=',
      '-c',
      'max_connections=200',
    ],
    logFile,
    pidFile: join(base, 'starter.pid'),
  });
  const start = await processStart(server.pid);
  // SIGTERM would wait for clients to leave; SIGINT ends their sessions and shuts down in order.
  const stop = async () => {
    const found = await readPidFile(data);
    await stopPostmaster(server.pid, start, found?.pid === server.pid ? found.memory : null);
  };
  const url = `postgres://${USER}:${password}@127.0.0.1:${port}/${DATABASE}`;
  const outcome = await Promise.race([untilAnswers(url), server.ended.then(() => 'ended' as const)]);
  if (outcome !== 'answers') {
    await stop();
    const what = outcome === 'ended' ? 'ended at its start' : 'does not answer';
    throw new Error(
      `The embedded PostgreSQL ${what}; its log is ${logFile}, and ends with: ${await lastLines(logFile)}`,
    );
  }
  return { url, port, ended: server.ended, stop };
}

async function lastLines(file: string): Promise<string> {
  const lines = (await readFile(file, 'utf8')).trim().split('\n');
  return lines.slice(-2).join(' ');
}

async function passwordOf(base: string): Promise<string> {
  const file = join(base, 'password');
  // Only where there is none: the database knows one password, and no other would ever open it again.
  const known = await ifThere(readFile(file, 'utf8'));
  if (known !== null) return known.trim();
  const password = randomBytes(24).toString('hex');
  await writeFile(`${file}.new`, password, { mode: 0o600 });
  await durableRename(`${file}.new`, file);
  return password;
}

/** initdb under another name, so that one that was interrupted leaves nothing that looks like a database. */
async function initialise(binaries: PostgresBinaries, base: string, data: string): Promise<void> {
  const partial = `${data}.partial`;
  await rm(partial, { recursive: true, force: true });
  const [command, ...prefix] = binaries.asAllowedUser('initdb');
  const { exitCode, all } = await execa(
    command,
    [
      ...prefix,
      '-D',
      partial,
      '-U',
      USER,
      '--encoding=UTF8',
      '--locale=C.UTF-8',
      '--auth=scram-sha-256',
      `--pwfile=${join(base, 'password')}`,
    ],
    { all: true, reject: false },
  );
  if (exitCode !== 0)
    throw new Error(
      `The embedded PostgreSQL could not make its database in ${data}: ${all.trim().split('\n').slice(-3).join(' ')}`,
    );
  await chmod(partial, 0o700);
  await rename(partial, data);
}

/** Waits for the server, and makes our database on the first time. */
async function untilAnswers(url: string): Promise<'answers' | 'silent'> {
  const admin = new URL(url);
  admin.pathname = '/postgres';
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (performance.now() < deadline) {
    const client = new pg.Client({ connectionString: admin.href, connectionTimeoutMillis: 2_000 });
    // A server that ends a session while we wait is one more reason to try again.
    client.on('error', () => {});
    try {
      await client.connect();
      const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [DATABASE]);
      if (rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE}`);
      return 'answers';
    } catch {
      await after(50);
    } finally {
      await client.end().catch(() => {});
    }
  }
  return 'silent';
}

/** System V memory, by the two numbers of shmget(2). After a reboot the same id may be another's; the key comes from the data's folder. */
interface SharedMemory {
  key: number;
  id: number;
}

/** What the postmaster notes of itself, also when whoever started it was killed: its pid, and the memory that its processes share. */
async function readPidFile(data: string): Promise<{ pid: number; memory: SharedMemory } | null> {
  const lines = (await ifThere(readFile(join(data, 'postmaster.pid'), 'utf8')))?.split('\n') ?? [];
  const pid = Number(lines[0]);
  const [key = Number.NaN, id = Number.NaN] = lines[6]?.trim().split(/\s+/).map(Number) ?? [];
  return Number.isInteger(pid) && pid > 0 ? { pid, memory: { key, id } } : null;
}

/**
 * The processes of a postmaster that was killed end by themselves a moment later; until then no other can start. Where they do
 * not, PostgreSQL says so in its log. Linux alone: elsewhere nothing tells who has a piece of memory.
 * @returns whether it is known that none is left
 */
async function untilUnused({ key, id }: SharedMemory): Promise<boolean> {
  const deadline = performance.now() + CHILDREN_GONE_MS;
  for (; performance.now() < deadline; await after(30)) {
    const table = await ifThere(readFile('/proc/sysvipc/shm', 'utf8'));
    if (table === null) return false;
    // Columns: key, shmid, perms, size, cpid, lpid, nattch (proc_sysvipc_shm(5)).
    const rows = table.split('\n').map((line) => line.trim().split(/\s+/).map(Number));
    const row = rows.find((columns) => (columns[0] ?? 0) >>> 0 === key && columns[1] === id);
    if (row?.[6] === undefined || row[6] === 0) return true;
  }
  return false;
}

/** Also true of one that is dead and that nobody has reaped yet. */
function hasProcess(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return errnoOf(error) !== 'ESRCH';
  }
}

/** In order, with the sessions that are open; then by force. Returns when its other processes, which write as well, have ended too. */
async function stopPostmaster(pid: number, start: string | null, memory: SharedMemory | null): Promise<void> {
  if (start !== null && (await processStart(pid)) === start) {
    process.kill(pid, 'SIGINT');
    const deadline = performance.now() + 5_000;
    while ((await processStart(pid)) === start && performance.now() < deadline) await after(30);
    await endProcess(pid, start, 0);
  }
  if (memory) await untilUnused(memory);
}

/**
 * Ends a server that was left running when its starter was killed, and waits until it is gone: a moment after kill -9 of
 * the server its pid may still be there. Only what is proven to be ours on this host is ended, and only the pid file of a
 * server that is proven dead is removed: two servers on the same data destroy it.
 * @returns whether there was one
 * @throws Error when the data was in use on another host, of which nothing is known here
 */
export async function endPostgresLeftover(home: string): Promise<boolean> {
  const base = join(home, 'postgres');
  const data = join(base, 'data');
  const found = await readPidFile(data);
  if (found === null) return false;
  const { pid, memory } = found;
  const pidFile = join(base, 'starter.pid');
  const noted = await readServerNote(pidFile);
  if (noted) await requireNotElsewhere(noted, `The database in ${data}`, pidFile);
  const start = await processStart(pid);
  if (start === null) {
    // PostgreSQL itself removes the pid file of a server that is gone, but not while nobody has reaped the dead process.
    const isUnused = await untilUnused(memory);
    if (isUnused && hasProcess(pid)) await rm(join(data, 'postmaster.pid'), { force: true });
  } else if ((await commandLine(pid)).includes(data)) {
    await stopPostmaster(pid, start, memory);
  }
  // Another process has its pid by now: the server is dead, which PostgreSQL cannot know.
  else if (noted?.pid === pid && noted.start !== start) await rm(join(data, 'postmaster.pid'), { force: true });
  return true;
}
