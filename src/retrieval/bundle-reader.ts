import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { z } from 'zod';
import { childEnv, PROJECT_ROOT } from '../env.ts';
import { TransientError, UserError } from '../failure.ts';

/** A chunk of a bundle with its cosine to a question. Where it comes from is null where the data did not say. */
export const FoundChunkSchema = z.object({
  score: z.number(),
  chunk: z.int(),
  text: z.string(),
  /** That the text was given as an answer to. */
  question: z.string().nullable(),
  trait: z.string(),
  dataset_id: z.int().nullable(),
  row_number: z.int().nullable(),
});
export type FoundChunk = z.infer<typeof FoundChunkSchema>;

const ReadySchema = z.object({ chunks: z.int() });
const AnswerSchema = z.object({ results: z.array(FoundChunkSchema) });

/** What a rag run made, and the model that made it. */
export interface BundlePlace {
  python: string;
  bundlePath: string;
  modelPath: string;
}

/** A bundle that cannot be asked: damaged, or its model is not the one that made it. Its message is for the user. */
export class UnreadableBundle extends UserError {}

/** Exit code of `trainer/query.py` where it has said what is wrong with the bundle or its model. */
const UNREADABLE = 20;
const ANSWER_WITHIN_MS = 60_000;
/** A large model on a slow disk. */
const READY_WITHIN_MS = 10 * 60_000;

/** A process that has a bundle and its model in memory, and answers one question after another. */
export class BundleReader {
  readonly #child;
  readonly #lines: AsyncIterator<string>;
  #turn: Promise<unknown>;
  #isOver = false;

  constructor({ python, bundlePath, modelPath }: BundlePlace) {
    this.#child = execa(
      python,
      [join(PROJECT_ROOT, 'trainer', 'query.py'), '--bundle', bundlePath, '--model', modelPath],
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

  /** The closest chunks, best first. @throws UnreadableBundle; TransientError when it does not answer; Error when the process died */
  async ask(question: string, topK: number): Promise<FoundChunk[]> {
    const answer = this.#turn.then(async () => {
      this.#child.stdin.write(`${JSON.stringify({ question, top_k: topK })}\n`);
      return (await this.#next(AnswerSchema, ANSWER_WITHIN_MS)).results;
    });
    this.#turn = answer;
    return await answer;
  }

  /** Ends it when what was asked is answered. */
  close(): void {
    this.#isOver = true;
    void this.#turn.catch(() => {}).then(() => this.#child.stdin.end());
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
