import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { eventIn, type TrainerEvent } from './protocol.ts';
import { killGroup, type ProcessEnd, type PythonProcess, type StartPython, startPython } from './python-process.ts';

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

export type StartTrainer = (options: TrainerOptions) => Promise<TrainerProcess>;

/** Starts `python -m trainer <runFile>`, by itself or, with another `start`, as a copy of a process that has its libraries loaded. */
export async function startTrainer(
  { python, runFile, logFile, onEvent }: TrainerOptions,
  start: StartPython = startPython,
): Promise<TrainerProcess> {
  const given = [runFile, '--events-fd', '3', '--supervised'];
  return supervise(await start({ python, module: 'trainer', arguments: given, logFile, hasEvents: true }), onEvent);
}

function supervise({ pid, stdin, events, ended }: PythonProcess, onEvent: TrainerOptions['onEvent']): TrainerProcess {
  // A trainer that is gone cannot be told anything; how it ended is told by `exited`.
  stdin.on('error', () => {});
  const kill = () => killGroup(pid);
  // What a dead trainer left running would hold the events open.
  void ended.then(kill, kill);
  if (!events) throw new Error('A trainer without events.');
  return {
    pid,
    exited: handleEvents(events, onEvent, kill).then(async (last) => ({ ...(await ended), ...last })),
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
    return eventIn(line);
  } catch (cause) {
    return new Error(`The trainer sent a line that is no event of this protocol: ${line.slice(0, 200)}`, { cause });
  }
}
