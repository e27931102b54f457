import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, rm } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { execa } from 'execa';
import pg from 'pg';
import { childEnv, type Env, PROJECT_ROOT } from '../../../src/platform/env.ts';
import { toVariables } from '../../../src/platform/env-variables.ts';
import { choosePort } from '../../../src/platform/ports.ts';
import { startPostgres } from '../../../src/platform/postgres/postgres.ts';
import { startTemporal } from '../../../src/platform/temporal/temporal.ts';
import { killGroup } from '../../../src/trainer/python-process.ts';
import { type ApiClient, clientOf, testEnv, until } from '../../support/service.ts';
import { putTinyModel } from '../../support/tiny-models.ts';

/** A version of this project that can be started. */
export interface Build {
  dir: string;
  commit: string;
  python: string;
}

/** The whole service of a build, with servers and a home of its own. */
export interface BuildService extends ApiClient {
  database: pg.Client;
  temporal: Client;
  home: string;
  stop(): Promise<void>;
}

const STOPPED_WITHIN_MS = 60_000;

/** Starts `mtm start` of a build, and returns once it is healthy. */
export async function startBuild(build: Build, changes: Partial<Env> = {}): Promise<BuildService> {
  // As long answers as an earlier build asks for, which knows no such setting.
  const same = { validationMaxNewTokens: undefined };
  const env = { ...(await testEnv()), ...same, python: build.python, port: await choosePort(0), ...changes };
  const stops: (() => Promise<unknown>)[] = [() => rm(env.home, { recursive: true, force: true })];
  const stop = async () => {
    for (const end of stops.splice(0).reverse()) await end();
  };
  try {
    await mkdir(join(env.home, 'logs'), { recursive: true });
    await putTinyModel(env, 'tiny-random');
    const { toolsDir } = env;
    const servers = { home: join(env.home, 'servers'), port: 0 };
    const postgres = await startPostgres(servers);
    stops.push(() => postgres.stop());
    const temporal = await startTemporal({
      ...servers,
      toolsDir,
      uiPort: 0,
      namespace: 'default',
      onProgress: () => {},
    });
    stops.push(() => temporal.stop());
    const places = { databaseUrl: postgres.url, temporalAddress: temporal.address };
    const log = await open(join(env.home, 'start.log'), 'a');
    const started = spawn(process.execPath, [join(build.dir, 'bin', 'mtm'), 'start'], {
      cwd: build.dir,
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      env: childEnv(toVariables({ ...env, ...places })),
    });
    await log.close();
    const ended = once(started, 'exit');
    stops.push(async () => {
      const pid = Number(started.pid);
      // As Ctrl-C does it.
      process.kill(-pid, 'SIGINT');
      await Promise.race([ended, until('the service to end', async () => null, STOPPED_WITHIN_MS).catch(() => {})]);
      killGroup(pid);
    });
    const client = clientOf(`http://127.0.0.1:${env.port}`);
    await until(`the build ${build.commit} to be healthy (${env.home}/start.log)`, async () => {
      const answer = await client.call('GET', '/health').catch(() => null);
      return answer?.status === 200 ? true : null;
    });
    const database = new pg.Client(postgres.url);
    await database.connect();
    stops.push(() => database.end());
    const connection = await Connection.connect({ address: temporal.address });
    stops.push(() => connection.close());
    return { ...client, database, temporal: new Client({ connection }), home: env.home, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** This checkout, as `npm run bench` has built it. */
export async function thisBuild(python: string): Promise<Build> {
  const { stdout } = await execa('git', ['rev-parse', '--short', 'HEAD'], { cwd: PROJECT_ROOT });
  return { dir: PROJECT_ROOT, commit: stdout.trim(), python };
}

/** What is compared, where. */
export async function describe(now: Build, before: Build): Promise<string> {
  const ask =
    'import sys, torch, transformers; print(f"Python {sys.version.split()[0]}, torch {torch.__version__}, transformers {transformers.__version__}")';
  const versions = async ({ python }: Build) => (await execa(python, ['-c', ask])).stdout.trim();
  return `${cpus().length} x ${cpus()[0]?.model ?? 'CPU'}, Node ${process.version}. This build: ${now.commit}, ${await versions(now)}. The old build: ${before.commit}, ${await versions(before)}.`;
}
