import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import pg from 'pg';
import { childEnv, type Env, PROJECT_ROOT } from '../../../src/platform/env.ts';
import { toVariables } from '../../../src/platform/env-variables.ts';
import { errnoOf, ifThere } from '../../../src/platform/files.ts';
import { choosePort } from '../../../src/platform/ports.ts';
import { processesOf } from '../../support/processes.ts';
import { csvRows } from '../../support/rows.ts';
import { type ApiClient, clientOf, TINY_MODEL, testEnv, until } from '../../support/service.ts';
import { putTinyModel } from '../../support/tiny-models.ts';

/** A service that was started from the folder of a build, this one or another, with a home of its own and idle trainers. */
export interface Build extends ApiClient {
  env: Env;
  database: pg.Client;
  temporal: Client;
  datasetId: number;
  stop(): Promise<void>;
}

/** Of this build for every build: what is measured is the service. */
const IDLE_TRAINER = join(PROJECT_ROOT, 'tests', 'bench', 'idle_trainer.py');
const START_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 60_000;

/** @param dir a checkout of this repository in which `npm ci` was done */
export async function startBuild(dir: string): Promise<Build> {
  const given = await testEnv();
  const [postgresPort, temporalPort, port] = [await choosePort(0), await choosePort(0), await choosePort(0)];
  const env: Env = { ...given, postgresPort, temporalPort, port, heartbeatTimeoutMs: 30_000, logLevel: 'warn' };
  await putTinyModel(env, 'tiny-random');
  await mkdir(join(env.home, 'logs'), { recursive: true });
  const variables = {
    ...toVariables({ ...env, python: IDLE_TRAINER }),
    MTM_POSTGRES_PORT: String(postgresPort),
    MTM_TEMPORAL_PORT: String(temporalPort),
    MTM_TEMPORAL_UI_PORT: '0',
  };
  const log = await open(join(env.home, 'logs', 'start.log'), 'w');
  const child = spawn(process.execPath, [join(dir, 'bin', 'mtm'), 'start'], {
    cwd: dir,
    env: childEnv(variables),
    stdio: ['ignore', log.fd, log.fd],
    // A group of its own: of an earlier build this is only a wrapper, which passes no signal on.
    detached: true,
  });
  await log.close();
  const client = clientOf(`http://127.0.0.1:${port}`);
  try {
    await until('the service to answer', () => whetherItAnswers(client, child, env.home), START_TIMEOUT_MS);
    const password = (await readFile(join(env.home, 'postgres', 'password'), 'utf8')).trim();
    const databaseUrl = `postgres://mtm:${password}@127.0.0.1:${postgresPort}/mtm`;
    const temporalAddress = `127.0.0.1:${temporalPort}`;
    const database = new pg.Client(databaseUrl);
    await database.connect();
    const connection = await Connection.connect({ address: temporalAddress });
    const { body } = await client.upload('rows.csv', csvRows(100));
    return {
      ...client,
      env: { ...env, databaseUrl, temporalAddress },
      database,
      temporal: new Client({ connection }),
      datasetId: Number(body.id),
      stop: async () => {
        await Promise.all([database.end(), connection.close()]);
        await end(child, env.home);
        await rm(env.home, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await end(child, env.home);
    throw error;
  }
}

async function whetherItAnswers(client: ApiClient, child: ChildProcess, home: string): Promise<true | null> {
  if (child.exitCode !== null)
    throw new Error(`The build ended at its start: ${await readFile(join(home, 'logs', 'start.log'), 'utf8')}`);
  const isUp = await client.call('GET', '/config/').then(
    ({ status }) => status === 200,
    () => false,
  );
  return isUp ? true : null;
}

/** Ends the service, and returns when none of its processes is left. */
async function end(child: ChildProcess, home: string): Promise<void> {
  if (child.pid !== undefined) signal(-child.pid, 'SIGTERM');
  const left = async () => ((await processesOf(home)).length === 0 ? true : null);
  await until('the service to end', left, STOP_TIMEOUT_MS).catch(async () => {
    for (const { pid } of await processesOf(home)) signal(pid, 'SIGKILL');
    await until('the service to be gone', left, STOP_TIMEOUT_MS);
  });
}

/** A process, or with a negative number a group; one that is gone needs none. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error;
  }
}

/** POST /jobs/ with the one dataset; the job's id. */
export async function addJob(build: Build): Promise<number> {
  const job = { name: 'a job that waits', dataset_id: build.datasetId, model_name: TINY_MODEL };
  const { status, body } = await build.call('POST', '/jobs/', job);
  if (status !== 201) throw new Error(`POST /jobs/: ${status} ${JSON.stringify(body)}`);
  return Number(body.id);
}

/** What a queue has on the disk, in bytes. */
export interface Disk {
  /** Tables of the database with their indexes and what is stored apart. */
  postgres: number;
  temporal: number;
  /** Working files of runs, and mixtures; a file of two names counts once. */
  files: number;
}

export async function diskOf({ database, env }: Build): Promise<Disk> {
  const { rows } = await database.query<{ bytes: number }>(
    `SELECT sum(pg_total_relation_size(c.oid))::float8 AS bytes FROM pg_class c WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace`,
  );
  const names = (await readdir(env.home)).filter((name) => name.startsWith('temporal.db'));
  // The journal comes and goes with each write.
  const sizeOf = async (name: string) => (await ifThere(stat(join(env.home, name))))?.size ?? 0;
  const temporal = await Promise.all(names.map(sizeOf));
  const seen = new Set<number>();
  return {
    postgres: rows[0]?.bytes ?? 0,
    temporal: temporal.reduce((sum, size) => sum + size, 0),
    files: (await bytesBelow(join(env.home, 'runs'), seen)) + (await bytesBelow(join(env.home, 'mixtures'), seen)),
  };
}

/** Blocks, as `du` counts them: a small file takes a whole one. */
async function bytesBelow(dir: string, seen: Set<number>): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(dir, { withFileTypes: true, recursive: true }).catch(() => [])) {
    const found = await stat(join(entry.parentPath, entry.name)).catch(() => null);
    if (!found || seen.has(found.ino)) continue;
    seen.add(found.ino);
    bytes += 512 * found.blocks;
  }
  return bytes;
}

/** Seconds of the CPU that all processes of a service take while `waitMs` go by, as a share of one core. */
export async function cpuShare({ env }: Build, waitMs: number): Promise<number> {
  const before = await cpuSeconds(env.home);
  const fromMs = performance.now();
  await new Promise((resolve) => setTimeout(resolve, waitMs));
  const after = await cpuSeconds(env.home);
  let seconds = 0;
  for (const [pid, spent] of after) seconds += spent - (before.get(pid) ?? 0);
  return seconds / ((performance.now() - fromMs) / 1_000);
}

const TICKS_PER_S = 100;

async function cpuSeconds(home: string): Promise<Map<number, number>> {
  const spent = new Map<number, number>();
  for (const { pid } of await processesOf(home)) {
    const line = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
    // After the name, which may have spaces: the 12th and 13th fields are utime and stime.
    const fields = line?.slice(line.lastIndexOf(')') + 2).split(' ') ?? [];
    if (line !== null) spent.set(pid, (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S);
  }
  return spent;
}
