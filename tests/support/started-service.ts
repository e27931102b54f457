import { type ChildProcess, spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { BUILT } from '../../src/platform/built-files.ts';
import { childEnv, type Env, PROJECT_ROOT } from '../../src/platform/env.ts';
import { toVariables } from '../../src/platform/env-variables.ts';
import { processesOf } from './processes.ts';
import { testEnv, until } from './service.ts';
import { putTinyModel } from './tiny-models.ts';

/** A service that the tests of a describe may kill, and start again with what it has. */
export interface KillableService {
  readonly env: Env;
  /** @returns its address */
  start(): Promise<string>;
  /** As Ctrl-C does. */
  stop(): void;
}

/** One for the describe that this is called in, which is ended and removed with it. @param prepare makes what it is to find, before its first start */
export function killableService(prepare: (env: Env) => Promise<Partial<Env>>): KillableService {
  let env: Env;
  let started: ChildProcess | undefined;
  const stop = () => started?.kill('SIGTERM');
  before(async () => {
    const made = await testEnv();
    env = { ...made, ...(await prepare(made)) };
  });
  after(async () => {
    stop();
    await allGone(env);
    await rm(env.home, { recursive: true, force: true });
  });
  return {
    get env() {
      return env;
    },
    start: () => startAsUser(env, (child) => (started = child)),
    stop,
  };
}

/** For killableService: the tiny model is in its cache. */
export async function withTinyModel(env: Env): Promise<Partial<Env>> {
  await putTinyModel(env, 'tiny-random');
  return {};
}

/** `npm start` as a user has it, on free ports: a process of its own, known by what it prints. `onStarted` has it before it is up. */
async function startAsUser(env: Env, onStarted: (child: ChildProcess) => void): Promise<string> {
  const ports = { MTM_PORT: '0', MTM_POSTGRES_PORT: '0', MTM_TEMPORAL_PORT: '0', MTM_TEMPORAL_UI_PORT: '0' };
  const child = spawn(process.execPath, [BUILT.main, 'start'], {
    cwd: PROJECT_ROOT,
    env: childEnv({ ...toVariables(env), ...ports }),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onStarted(child);
  for await (const line of createInterface({ input: child.stdout })) {
    const url = line.match(/API\s+(http\S+)\/api\/v1/)?.[1];
    if (url) return url;
  }
  throw new Error('It ended before it said where the API is.');
}

/** Every process of a service has ended. */
export async function allGone({ home }: Pick<Env, 'home'>, withinMs = 15_000): Promise<void> {
  await until('every process to be gone', async () => ((await processesOf(home)).length === 0 ? true : null), withinMs);
}

/** SIGKILL of every process of a service, until none is left. */
export async function killEverything(env: Pick<Env, 'home'>): Promise<void> {
  for (const { pid } of await processesOf(env.home)) process.kill(pid, 'SIGKILL');
  await allGone(env, 10_000);
}
