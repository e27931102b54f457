import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type FileHandle, open } from 'node:fs/promises';
import { Readable, type Writable } from 'node:stream';
import { childEnv, PROJECT_ROOT } from '../platform/env.ts';

/** How a process ended: one of both. */
export interface ProcessEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** A command of the trainer: `python -u -m MODULE ARGUMENTS`. */
export interface PythonCommand {
  python: string;
  module: string;
  arguments: string[];
  /** What it writes is appended there; null: to `stdout` and `stderr`. */
  logFile: string | null;
  /** Whether it writes events to file descriptor 3. */
  hasEvents: boolean;
  /** Beside what every Python of ours is given. */
  environment?: Record<string, string>;
}

/** A command that runs, in a process group of its own. */
export interface PythonProcess {
  pid: number;
  stdin: Writable;
  /** Null where a log file has them. */
  stdout: Readable | null;
  stderr: Readable | null;
  /** Null where it has none. */
  events: Readable | null;
  ended: Promise<ProcessEnd>;
}

export type StartPython = (command: PythonCommand) => Promise<PythonProcess>;

/**
 * How often a thread of a trainer looks whether others have done their part before it sleeps. libgomp looks 300,000 times, for milliseconds, which
 * on cores that several trainers share is what the others wait for; one that sleeps at once makes a trainer that has them for itself slower. This
 * is what libgomp itself does in a process with more threads than cores. (Measured: docs/benchmarks.md, "Threads that wait".)
 */
const SPINS = '1000';

/** How every Python of ours is started: nothing is fetched, nothing is written beside the sources, texts are UTF-8 in every locale. */
export function pythonSpawnOptions(): SpawnOptions & { env: NodeJS.ProcessEnv } {
  const env = childEnv({ PYTHONDONTWRITEBYTECODE: '1', PYTHONUTF8: '1', HF_HUB_OFFLINE: '1', TQDM_DISABLE: '1' });
  // libgomp takes it before OMP_WAIT_POLICY: who chose that is to have it.
  return { cwd: PROJECT_ROOT, env: env.OMP_WAIT_POLICY ? env : { GOMP_SPINCOUNT: SPINS, ...env } };
}

export function pythonArguments({ module, arguments: given }: Pick<PythonCommand, 'module' | 'arguments'>): string[] {
  return ['-u', '-m', module, ...given];
}

/** Starts a command in a process that loads its libraries by itself. @throws Error when it cannot be started */
export async function startPython(command: PythonCommand): Promise<PythonProcess> {
  return await withLog(command.logFile, async (log) => {
    const output = log?.fd ?? 'pipe';
    const options = pythonSpawnOptions();
    const child = spawn(command.python, pythonArguments(command), {
      ...options,
      env: { ...options.env, ...command.environment },
      detached: true,
      stdio: ['pipe', output, output, ...(command.hasEvents ? (['pipe'] as const) : [])],
    });
    const ended = endOf(child);
    const { pid, stdin, stdout, stderr } = child;
    const events = child.stdio[3] instanceof Readable ? child.stdio[3] : null;
    if (pid === undefined || !stdin) {
      await ended;
      throw new Error(`${command.python} could not be started.`);
    }
    return { pid, stdin, stdout, stderr, events, ended };
  });
}

/** The log file is open while `work` hands it on. */
export async function withLog<T>(logFile: string | null, work: (log: FileHandle | null) => Promise<T>): Promise<T> {
  const log = logFile === null ? null : await open(logFile, 'a');
  try {
    return await work(log);
  } finally {
    await log?.close();
  }
}

async function endOf(child: ChildProcess): Promise<ProcessEnd> {
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  return { code, signal };
}

/** SIGKILL to all of a process group; one that is gone is what was wanted. */
export function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
