import { type ChildProcess, spawn } from 'node:child_process';
import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { childEnv, PROJECT_ROOT } from '../env.ts';
import { type TrainerEvent, TrainerEventSchema } from './protocol.ts';

/** How a trainer ended. Which codes mean what: EXIT_CODES. */
export interface TrainerExit {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** The last `error` event, if it sent one. */
  error: Extract<TrainerEvent, { type: 'error' }> | null;
  /** The result of its `done` event, if it sent one. */
  result: Record<string, unknown> | null;
}

export interface TrainerProcess {
  pid: number;
  /** Resolves when the process has ended and every event it sent was handed over. Rejects when it sent what is none. */
  exited: Promise<TrainerExit>;
  /** Asks it to save a checkpoint after the current step and exit. */
  stop(): void;
  /** Says how long it may go on unless it is told again. It ends by itself then, also when this process is stopped. */
  prolongLease(goodForMs: number): void;
  /** Ends it and everything that it started, at once. */
  kill(): void;
}

/**
 * Starts `python -m trainer <runFile>` in a process group of its own, with its output appended to `logFile`.
 * Events are handed to `onEvent` in order and at once: it never waits for us. It dies when this process dies: its
 * standard input closes.
 */
export async function startTrainer(options: {
  python: string;
  runFile: string;
  logFile: string;
  onEvent: (event: TrainerEvent) => void;
}): Promise<TrainerProcess> {
  const log = await open(options.logFile, 'a');
  let child: ChildProcess;
  try {
    child = spawn(options.python, ['-u', '-m', 'trainer', options.runFile, '--events-fd', '3', '--supervised'], {
      cwd: PROJECT_ROOT,
      detached: true,
      stdio: ['pipe', log.fd, log.fd, 'pipe'],
      env: childEnv({ PYTHONDONTWRITEBYTECODE: '1' }),
    });
  } finally {
    await log.close();
  }
  const { pid } = child;
  const { stdin } = child;
  const events = child.stdio[3];
  const ended = new Promise<Pick<TrainerExit, 'code' | 'signal'>>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  if (pid === undefined || !stdin || !(events instanceof Readable)) {
    await ended;
    throw new Error(`${options.python} could not be started.`);
  }
  // A trainer that is gone cannot be told anything; how it ended is told by `exited`.
  stdin.on('error', () => {});

  const kill = () => killGroup(pid);
  // What a dead trainer left running would hold the pipe of events open.
  void ended.then(kill, kill);
  return {
    pid,
    exited: handleEvents(events, options.onEvent, kill).then(async (last) => ({ ...(await ended), ...last })),
    stop: () => stdin.write('stop\n'),
    prolongLease: (goodForMs) => stdin.write(`lease ${Math.max(0, Math.floor(goodForMs))}\n`),
    kill,
  };
}

async function handleEvents(
  events: Readable,
  onEvent: (event: TrainerEvent) => void,
  kill: () => void,
): Promise<Pick<TrainerExit, 'error' | 'result'>> {
  const last: Pick<TrainerExit, 'error' | 'result'> = { error: null, result: null };
  try {
    let unreadable: Error | null = null;
    for await (const line of createInterface({ input: events })) {
      // Only the very last line may be torn: its writer was killed in the middle of it.
      if (unreadable) throw unreadable;
      const event = parseEvent(line);
      if (event instanceof Error) {
        unreadable = event;
        continue;
      }
      if (event.type === 'error') last.error = event;
      if (event.type === 'done') last.result = event.result;
      onEvent(event);
    }
  } catch (error) {
    kill();
    throw error;
  }
  return last;
}

function parseEvent(line: string): TrainerEvent | Error {
  try {
    return TrainerEventSchema.parse(JSON.parse(line));
  } catch (cause) {
    return new Error(`The trainer sent a line that is no event of this protocol: ${line.slice(0, 200)}`, { cause });
  }
}

/** SIGKILL to the whole group; a group that is gone is what was wanted. */
function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
