import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { TransientError, UserError } from '../platform/failure.ts';
import { killGroup, type PythonProcess, type StartPython } from '../trainer/python-process.ts';
import {
  type BundleEvent,
  type BundleQuestion,
  type BundleReply,
  BundleReplySchema,
  StreamLineSchema,
} from './bundle-protocol.ts';

const ReadySchema = z.object({ chunks: z.int() });

/** What a rag run made, the model that made it, and the one that answers from it, if one does and it is there. */
export interface BundlePlace {
  python: string;
  bundlePath: string;
  modelPath: string;
  answeringModelPath: string | null;
}

/** A bundle, or a question, that cannot be answered: damaged, or its model is not the one that made it. Its message is for the user. */
export class UnreadableBundle extends UserError {}

/** Exit code of `trainer/bundle/query.py` where it has said what is wrong with the bundle or its model. */
const UNREADABLE = 20;
const FIND_WITHIN_MS = 60_000;
/** A large model on a slow disk, or on a CPU: until it has read all chunks it says nothing. */
const READY_WITHIN_MS = 10 * 60_000;

/** A process that has a bundle and its models in memory, and answers one question after another. */
export class BundleReader {
  readonly #process: Promise<Reading>;
  #turn: Promise<unknown>;
  #isOver = false;

  constructor(start: StartPython, { python, bundlePath, modelPath, answeringModelPath }: BundlePlace) {
    const given = [
      ...['--bundle', bundlePath, '--model', modelPath],
      ...(answeringModelPath === null ? [] : ['--answering-model', answeringModelPath]),
    ];
    const command = { python, module: 'trainer.bundle.query', arguments: given, logFile: null, hasEvents: false };
    this.#process = start(command).then(reading);
    this.#turn = this.#next(ReadySchema, READY_WITHIN_MS);
    this.#turn.catch(() => {});
    const over = () => {
      this.#isOver = true;
    };
    void this.#process.then(({ ended }) => ended).then(over, over);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** The best chunks, and the answer where one is asked for. @throws UnreadableBundle; TransientError when it does not answer; Error when the process died */
  async ask(question: BundleQuestion): Promise<BundleReply> {
    return await this.#inTurn(async () => {
      await this.#send({ ...question, stream: false });
      return saidOf(await this.#next(BundleReplySchema, question.answer ? READY_WITHIN_MS : FIND_WITHIN_MS));
    });
  }

  /**
   * The same, told as it is found and said: the chunks, then the answer piece by piece, then as a whole. It ends at its next token once
   * `left` says that nobody waits for it.
   */
  async *stream(question: BundleQuestion, left: AbortSignal): AsyncGenerator<BundleEvent> {
    const events: BundleEvent[] = [];
    let wake = () => {};
    const told = this.#inTurn(async () => {
      if (left.aborted) return;
      await this.#send({ ...question, answer: true, stream: true });
      const leave = () => void this.#send({ leave: true });
      left.addEventListener('abort', leave, { once: true });
      try {
        for (;;) {
          const event = saidOf(await this.#next(StreamLineSchema, READY_WITHIN_MS));
          if ('left' in event) return;
          events.push(event);
          wake();
          if ('answer' in event) return;
        }
      } finally {
        left.removeEventListener('abort', leave);
      }
    });
    let isOver = false;
    told
      .catch(() => {})
      .finally(() => {
        isOver = true;
        wake();
      });
    while (!isOver || events.length > 0) {
      const event = events.shift();
      if (event !== undefined) yield event;
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
    await told;
  }

  /** Ends it when what was asked is answered. */
  close(): void {
    this.#isOver = true;
    void this.#turn
      .catch(() => {})
      .then(() => this.#process)
      .then(
        ({ stdin }) => stdin.end(),
        () => {},
      );
  }

  /** One question after another; one that cannot be answered keeps no other from it. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#turn.catch((error: unknown) => {
      if (this.#isOver) throw error;
    });
    const result = before.then(work);
    this.#turn = result;
    result.catch(() => {});
    return result;
  }

  async #send(asked: object): Promise<void> {
    (await this.#process).stdin.write(`${JSON.stringify(asked)}\n`);
  }

  async #next<T>(schema: z.ZodType<T>, withinMs: number): Promise<T> {
    const { pid, lines, stderr, ended } = await this.#process;
    let isLate = false;
    const late = setTimeout(() => {
      isLate = true;
      killGroup(pid);
    }, withinMs);
    try {
      const { value, done } = await lines.next();
      if (!done) return schema.parse(JSON.parse(value));
    } catch (error) {
      killGroup(pid);
      this.#isOver = true;
      throw error;
    } finally {
      clearTimeout(late);
    }
    this.#isOver = true;
    const { code, signal } = await ended;
    const said = (await stderr).trim().split('\n').at(-1) ?? '';
    if (isLate) throw new TransientError(`The model of this bundle did not answer within ${withinMs / 1000} s.`);
    if (code === UNREADABLE) throw new UnreadableBundle(said);
    throw new Error(`The reader of a bundle ended (${signal ?? `exit code ${code}`}): ${said}`);
  }
}

/** A process that reads a bundle, and what it writes. */
interface Reading extends Pick<PythonProcess, 'pid' | 'stdin' | 'ended'> {
  lines: AsyncIterator<string>;
  stderr: Promise<string>;
}

function reading({ pid, stdin, stdout, stderr, ended }: PythonProcess): Reading {
  if (!stdout || !stderr) throw new Error('A reader of a bundle without output.');
  stdin.on('error', () => {});
  return { pid, stdin, ended, lines: createInterface({ input: stdout })[Symbol.asyncIterator](), stderr: text(stderr) };
}

/** @throws UnreadableBundle where the reader says why it cannot answer */
function saidOf<T extends object>(line: T | { error: string }): T {
  if ('error' in line) throw new UnreadableBundle(line.error);
  return line;
}
