import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Worker } from '../../models/pool/worker.ts';
import { BUILT } from '../../platform/built-files.ts';
import { deviceVariables } from '../../platform/devices.ts';
import { childEnv, type Env, PROJECT_ROOT } from '../../platform/env.ts';
import { ifThere } from '../../platform/files.ts';
import { processStart } from '../../platform/process-identity.ts';

const LAST_WORDS_BYTES = 4_096;
const MOST_LAST_WORDS = 300;

/** Starts the process of a worker on a device, detached, so that it outlives this one, with its output in its log. */
export async function spawnWorker(env: Env, workerId: string, device: string): Promise<ChildProcess> {
  await mkdir(join(env.home, 'logs'), { recursive: true });
  const log = openSync(logOf(env, workerId), 'a');
  try {
    const child = spawn(process.execPath, [BUILT.main, 'worker', '--id', workerId], {
      cwd: PROJECT_ROOT,
      detached: true,
      stdio: ['ignore', log, log],
      env: childEnv(deviceVariables(device)),
    });
    child.unref();
    return child;
  } finally {
    closeSync(log);
  }
}

/** How a process ended that had no time to say anything. */
export const KILLED = 'killed by SIGKILL';

/** How a process of ours ends, once it does: `exit code 1`, `killed by SIGKILL`, or why it did not start. */
export function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('exit', (code, killedBy) => resolve(killedBy === null ? `exit code ${code}` : `killed by ${killedBy}`));
    child.once('error', (error) => resolve(error.message));
  });
}

/** Whether the process that the row names is there. */
export async function isAlive(worker: Worker): Promise<boolean> {
  return worker.pid !== null && worker.pid_started !== null && (await processStart(worker.pid)) === worker.pid_started;
}

/** Sends a signal to the process that the row names. */
export function signal(worker: Worker, name: NodeJS.Signals): void {
  if (worker.pid === null) return;
  try {
    process.kill(worker.pid, name);
  } catch {
    // Gone between the look and the signal: what was wanted.
  }
}

/** The last line of a worker's log that tells something to a person; an empty text when there is none. */
export async function lastWords(env: Env, workerId: string): Promise<string> {
  const file = await ifThere(open(logOf(env, workerId)));
  if (!file) return '';
  try {
    const { size } = await file.stat();
    const tail = Buffer.alloc(Math.min(size, LAST_WORDS_BYTES));
    await file.read(tail, 0, tail.length, size - tail.length);
    const lines = tail.toString('utf8').trimEnd().split('\n');
    const telling = lines.findLast((line) => /\w/.test(line) && !/^\s+at |^Node\.js v/.test(line)) ?? '';
    return messageOf(telling).slice(0, MOST_LAST_WORDS);
  } finally {
    await file.close();
  }
}

function logOf(env: Env, workerId: string): string {
  return join(env.home, 'logs', `${workerId}.log`);
}

/** Our own log lines are JSON. */
function messageOf(line: string): string {
  try {
    const parsed: unknown = JSON.parse(line);
    if (parsed instanceof Object && 'msg' in parsed) return String(parsed.msg);
  } catch {
    // Any other line speaks for itself.
  }
  return line.trim();
}
