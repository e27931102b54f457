import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { BUILT } from '../../src/platform/built-files.ts';
import { childEnv, type Env, PROJECT_ROOT } from '../../src/platform/env.ts';
import { toVariables } from '../../src/platform/env-variables.ts';

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
