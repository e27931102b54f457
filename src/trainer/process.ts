import { type ChildProcess, spawn } from 'node:child_process';
import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { Readable, type Writable } from 'node:stream';
import { childEnv, PROJECT_ROOT } from '../platform/env.ts';
import { eventIn, type TrainerEvent } from './protocol.ts';

/** How a process ended: one of both. */
export interface ProcessEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** How a trainer ended. Which codes mean what: EXIT_CODES. */
export interface TrainerExit extends ProcessEnd {
  /** The last `error` event, if it sent one. */
  error: Extract<TrainerEvent, { type: 'error' }> | null;
  /** The result of its `done` event, if it sent one. */
  result: Record<string, unknown> | null;
}

/** A trainer, and the ways to end it. Who does so, when and why: src/activities/runs/run-trainer.ts. */
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

export interface TrainerOptions {
  python: string;
  runFile: string;
  /** Its output is appended there. */
  logFile: string;
  /** Gets its events in order and at once: it never waits for us. */
  onEvent: (event: TrainerEvent) => void;
}

/** A trainer that runs, in a process group of its own, and how to talk with it. */
export interface RunningTrainer {
  pid: number;
  /** It dies when this closes, as it does when this process dies. */
  commands: Writable;
  events: Readable;
  ended: Promise<ProcessEnd>;
}

export type StartTrainer = (options: TrainerOptions) => Promise<TrainerProcess>;

/** Starts `python -m trainer <runFile>`. */
export async function startTrainer(options: TrainerOptions): Promise<TrainerProcess> {
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
  const { pid, stdin } = child;
  const events = child.stdio[3];
  const ended = new Promise<ProcessEnd>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  if (pid === undefined || !stdin || !(events instanceof Readable)) {
    await ended;
    throw new Error(`${options.python} could not be started.`);
  }
  return supervise({ pid, commands: stdin, events, ended }, options);
}

export function supervise(
  { pid, commands, events, ended }: RunningTrainer,
  { onEvent }: Pick<TrainerOptions, 'onEvent'>,
): TrainerProcess {
  // A trainer that is gone cannot be told anything; how it ended is told by `exited`.
  commands.on('error', () => {});
  const kill = () => killGroup(pid);
  // What a dead trainer left running would hold the events open.
  void ended.then(kill, kill);
  return {
    pid,
    exited: handleEvents(events, onEvent, kill).then(async (last) => ({ ...(await ended), ...last })),
    stop: () => commands.write('stop\n'),
    prolongLease: (goodForMs) => commands.write(`lease ${Math.max(0, Math.floor(goodForMs))}\n`),
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
    return eventIn(line);
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
