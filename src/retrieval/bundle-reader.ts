import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { z } from 'zod';
import { childEnv, PROJECT_ROOT } from '../platform/env.ts';
import { TransientError, UserError } from '../platform/failure.ts';
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
  readonly #child;
  readonly #lines: AsyncIterator<string>;
  #turn: Promise<unknown>;
  #isOver = false;

  constructor({ python, bundlePath, modelPath, answeringModelPath }: BundlePlace) {
    this.#child = execa(
      python,
      [
        join(PROJECT_ROOT, 'trainer', 'bundle', 'query.py'),
        ...['--bundle', bundlePath, '--model', modelPath],
        ...(answeringModelPath === null ? [] : ['--answering-model', answeringModelPath]),
      ],
      {
        env: childEnv({ HF_HUB_OFFLINE: '1', PYTHONDONTWRITEBYTECODE: '1', PYTHONUTF8: '1', TQDM_DISABLE: '1' }),
        buffer: { stdout: false },
        reject: false,
      },
    );
    this.#child.stdin.on('error', () => {});
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
    this.#turn = this.#next(ReadySchema, READY_WITHIN_MS);
    this.#turn.catch(() => {});
    void this.#child.then(() => {
      this.#isOver = true;
    });
    // It ends with us: its standard input closes.
    this.#child.unref();
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** The best chunks, and the answer where one is asked for. @throws UnreadableBundle; TransientError when it does not answer; Error when the process died */
  async ask(question: BundleQuestion): Promise<BundleReply> {
    return await this.#inTurn(async () => {
      this.#send({ ...question, stream: false });
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
      this.#send({ ...question, answer: true, stream: true });
      const leave = () => this.#send({ leave: true });
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
    void this.#turn.catch(() => {}).then(() => this.#child.stdin.end());
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

  #send(asked: object): void {
    this.#child.stdin.write(`${JSON.stringify(asked)}\n`);
  }

  async #next<T>(schema: z.ZodType<T>, withinMs: number): Promise<T> {
    let isLate = false;
    const late = setTimeout(() => {
      isLate = true;
      this.#child.kill('SIGKILL');
    }, withinMs);
    try {
      const { value, done } = await this.#lines.next();
      if (!done) return schema.parse(JSON.parse(value));
    } catch (error) {
      this.#child.kill('SIGKILL');
      this.#isOver = true;
      throw error;
    } finally {
      clearTimeout(late);
    }
    this.#isOver = true;
    const { exitCode, stderr } = await this.#child;
    const said = stderr.trim().split('\n').at(-1) ?? '';
    if (isLate) throw new TransientError(`The model of this bundle did not answer within ${withinMs / 1000} s.`);
    if (exitCode === UNREADABLE) throw new UnreadableBundle(said);
    throw new Error(`The reader of a bundle ended (exit code ${exitCode}): ${said}`);
  }
}

/** @throws UnreadableBundle where the reader says why it cannot answer */
function saidOf<T extends object>(line: T | { error: string }): T {
  if ('error' in line) throw new UnreadableBundle(line.error);
  return line;
}
