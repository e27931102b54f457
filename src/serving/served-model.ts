import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { TransientError, UserError } from '../platform/failure.ts';
import { killGroup, type PythonProcess, type StartPython } from '../trainer/python-process.ts';
import { ReadySchema, type ServedLine, ServedLineSchema, type ServedRequest } from './serving-protocol.ts';

/** The files of a model that answers, and where it computes. */
export interface ServedPlace {
  python: string;
  modelPath: string;
  /** A checkpoint with all of its weights, in place of those of the model; null: its own. */
  weightsPath: string | null;
  device: string;
  threads: number;
}

/** A model that does not load, or does not answer what it was asked. Its message is for the user. */
export class UnservedModel extends UserError {}

/** Exit codes of `python -m trainer.serve`: see trainer/platform/failures.py. */
const BAD_INPUT = 20;
const OUT_OF_MEMORY = 30;
/** A large model on a slow disk. */
const READY_WITHIN_MS = 10 * 60_000;

type Listener = (line: ServedLine | Error) => void;

/** A process that has a model in memory, and answers many requests at once. */
export class ServedModel {
  readonly #process: Promise<PythonProcess>;
  readonly #ready: Promise<void>;
  readonly #listeners = new Map<string, Listener>();
  #asked = 0;
  #isOver = false;

  constructor(start: StartPython, { python, modelPath, weightsPath, device, threads }: ServedPlace) {
    const given = [
      ...['--model', modelPath, '--device', device, '--threads', String(threads)],
      ...(weightsPath === null ? [] : ['--weights', weightsPath]),
    ];
    this.#process = start({ python, module: 'trainer.serve', arguments: given, logFile: null, hasEvents: false });
    this.#ready = new Promise((resolve, reject) => {
      void this.#process
        .then((child) => this.#follow(child, resolve))
        .catch((error: Error) => this.#fail(error, reject));
    });
    this.#ready.catch(() => {});
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** How many requests it has under way. */
  get busy(): number {
    return this.#listeners.size;
  }

  /**
   * What it says to a request, line by line, until `left`: nobody waits for the rest.
   * @param adapterPath the directory of an adapter upon the model; null: the model alone
   * @throws UnservedModel where it does not load; TransientError where there is no room for it now; Error when the process died
   */
  async *ask(adapterPath: string | null, request: ServedRequest, left: AbortSignal): AsyncGenerator<ServedLine> {
    const id = String(++this.#asked);
    const lines: (ServedLine | Error)[] = [];
    let wake = () => {};
    this.#listeners.set(id, (line) => {
      lines.push(line);
      wake();
    });
    const leave = () => wake();
    left.addEventListener('abort', leave, { once: true });
    let isDone = false;
    try {
      await this.#ready;
      await this.#send({ id, adapter: adapterPath, ...request });
      while (!left.aborted) {
        const line = lines.shift();
        if (line instanceof Error) throw line;
        if (line === undefined)
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        else {
          isDone = 'done' in line || 'error' in line;
          yield line;
          if (isDone) return;
        }
      }
    } finally {
      left.removeEventListener('abort', leave);
      this.#listeners.delete(id);
      // Also where whoever reads the lines has stopped.
      if (!isDone && !this.#isOver) await this.#send({ leave: id }).catch(() => {});
    }
  }

  /** Ends it, with whatever it does. */
  async close(): Promise<void> {
    this.#isOver = true;
    const child = await this.#process.catch(() => null);
    if (!child) return;
    killGroup(child.pid);
    await child.ended;
  }

  async #follow({ pid, stdin, stdout, stderr, ended }: PythonProcess, becomeReady: () => void): Promise<void> {
    if (!stdout || !stderr) throw new Error('A model that answers has no output.');
    stdin.on('error', () => {});
    const said = lastLineOf(stderr);
    let isReady = false;
    const late = setTimeout(() => killGroup(pid), READY_WITHIN_MS);
    try {
      for await (const line of createInterface({ input: stdout })) {
        const told: unknown = JSON.parse(line);
        if (isReady) this.#tell(ServedLineSchema.parse(told));
        else {
          ReadySchema.parse(told);
          isReady = true;
          clearTimeout(late);
          becomeReady();
        }
      }
    } finally {
      clearTimeout(late);
      this.#isOver = true;
      killGroup(pid);
    }
    const { code, signal } = await ended;
    const why = await said;
    if (code === BAD_INPUT) throw new UnservedModel(why);
    if (code === OUT_OF_MEMORY) throw new TransientError(why);
    throw new TransientError(`The process that had the model ended (${signal ?? `exit code ${code}`}): ${why}`);
  }

  #fail(error: Error, refuse: (error: Error) => void): void {
    this.#isOver = true;
    refuse(error);
    for (const listener of this.#listeners.values()) listener(error);
  }

  #tell(line: ServedLine): void {
    // Of a request that was left some lines may still come.
    this.#listeners.get(line.id)?.(line);
  }

  async #send(asked: object): Promise<void> {
    (await this.#process).stdin.write(`${JSON.stringify(asked)}\n`);
  }
}

async function lastLineOf(stream: Readable): Promise<string> {
  let last = '';
  for await (const line of createInterface({ input: stream })) last = line.trim() || last;
  return last;
}
