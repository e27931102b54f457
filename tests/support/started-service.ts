import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { BUILT } from '../../src/platform/built-files.ts';
import { childEnv, type Env, PROJECT_ROOT } from '../../src/platform/env.ts';
import { toVariables } from '../../src/platform/env-variables.ts';
import { processesOf } from './processes.ts';
import { until } from './service.ts';

/** `npm start` as a user has it, on free ports: a process of its own, known by what it prints. `onStarted` has it before it is up. */
export async function startAsUser(env: Env, onStarted: (child: ChildProcess) => void): Promise<string> {
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
