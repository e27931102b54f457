import { type ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { getPriority, setPriority } from 'node:os';
import { BUILT } from '../platform/built-files.ts';
import { TransientError } from '../platform/failure.ts';
import { NoRoomError } from '../platform/files.ts';
import type { TASKS } from './data-tasks.ts';
import { DatasetError } from './dataset-error.ts';

type Tasks = { [N in keyof typeof TASKS]: Awaited<ReturnType<(typeof TASKS)[N]>> };
export type TaskName = keyof Tasks;
export type RequestOf<N extends TaskName> = Parameters<Tasks[N]>[0];
export type ReplyOf<N extends TaskName> = Awaited<ReturnType<Tasks[N]>>;

/** A piece of work for a data process. */
export interface Assignment {
  task: TaskName;
  request: unknown;
  mostResidentBytes: number;
}

/** How work ended. */
export type Outcome =
  | { ok: unknown }
  | { refused: string }
  | { noRoom: string }
  | { tooMuchMemory: true }
  | { failed: string };

/** What it says: how far it is, any number of times, and then how it ended, with how much memory it has. */
export type Said = { progressPercent: number } | { outcome: Outcome; residentBytes: number };

/** The process was ended from outside, by a person or by a machine without memory. Nothing is wrong with the data. */
export class DataProcessKilled extends TransientError {}

/** So much waits already that what comes now is better asked for again. The message is a sentence that says so. */
export class DataProcessesBusy extends Error {}

export interface DataProcessOptions {
  /** Ends the work; the promise is rejected with its reason. */
  signal?: AbortSignal | undefined;
  onProgress?: (percent: number) => void;
  mostResidentBytes?: number;
  timeLimitMs?: number;
}

export interface DataProcessLimits {
  mostResidentBytes?: number | undefined;
  /** By default behind the API, Temporal and the trainer. */
  niceness?: number;
}

/** Beyond what DuckDB is given, it is for a row of the largest size that is read, and its parsing. */
const MOST_RESIDENT_BYTES = 2 * 1024 ** 3;
/**
 * The kernel refuses memory beyond the limit and so much more. What a process has asked for is more than what it uses: mixing
 * rows of 30 MiB takes 0.65 GiB, and has asked for 2.6. It acts also where the process is too busy to look at what it uses.
 */
const ASKED_BEYOND_BYTES = 2 * 1024 ** 3;
const TIME_LIMIT_MS = 3 * 60 * 60 * 1000;

const SMALLER_MIXTURE = 'Lower max_rows, or take datasets without so long rows.';
const FEWER_ROWS = 'Ask for fewer, or download the file.';
const SMALLER_DATASET = 'Shorten its longest rows, or upload it in parts.';

/** What is said when work reaches a limit. */
const LIMITED: Record<TaskName, { work: string; remedy: string }> = {
  convert: { work: 'To convert file', remedy: 'Split its longest rows, or the file.' },
  profile: { work: 'To profile the dataset', remedy: SMALLER_DATASET },
  datasetTokens: { work: "To count the dataset's tokens", remedy: SMALLER_DATASET },
  rowTokens: { work: "To count the row's tokens", remedy: 'Shorten it, or download the file to look at it.' },
  templateFacts: { work: "To try the model's chat template", remedy: 'Look at its chat_template.' },
  checkExamples: { work: 'To check the training file', remedy: 'Shorten its longest lines, or the file.' },
  checkRows: { work: "To check the dataset's rows", remedy: SMALLER_DATASET },
  draft: { work: 'To plan the mixture', remedy: SMALLER_MIXTURE },
  mix: { work: 'To mix the datasets', remedy: SMALLER_MIXTURE },
  preview: { work: 'To read the rows', remedy: FEWER_ROWS },
  mixtureRows: { work: 'To read the rows', remedy: FEWER_ROWS },
};

/** Behind the API, Temporal and the trainer, where there is less than one core for each. */
const NICENESS = 10;
/** How V8 and C++ end a process that gets no more memory, as they say it on standard error. */
const OUT_OF_MEMORY = /out of memory|bad_alloc|allocation failed/i;
const LAST_WORDS_BYTES = 4096;

/** A process for work on data, which does one piece of it after another. It dies with this process. */
export class DataProcess {
  readonly mostResidentBytes: number;
  readonly #child: ChildProcess;
  readonly #gone: Promise<{ code: number | null; signal: string | null }>;
  /** Of its standard error. */
  #lastWords = '';
  #isOver = false;
  #residentBytes = 0;

  constructor({ mostResidentBytes = MOST_RESIDENT_BYTES, niceness = NICENESS }: DataProcessLimits = {}) {
    this.mostResidentBytes = mostResidentBytes;
    this.#child = spawnLimited(mostResidentBytes + ASKED_BEYOND_BYTES);
    // The orchestrator's is lower already, and only root may raise it.
    if (this.#child.pid !== undefined) setPriority(this.#child.pid, Math.max(getPriority(), niceness));
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      process.stderr.write(chunk);
      this.#lastWords = (this.#lastWords + chunk.toString('latin1')).slice(-LAST_WORDS_BYTES);
    });
    this.#gone = new Promise((resolve) => {
      const gone = (code: number | null, signal: string | null) => {
        this.#isOver = true;
        resolve({ code, signal });
      };
      this.#child.on('error', (error) => {
        this.#lastWords = error.message;
        // One that was started and cannot be told anything any more is ending: how, its end says.
        if (this.#child.pid === undefined) gone(null, null);
      });
      this.#child.once('exit', gone);
    });
  }

  /** Whether it can do more, and how much memory it has kept of what it did. */
  get isOver(): boolean {
    return this.#isOver;
  }
  get residentBytes(): number {
    return this.#residentBytes;
  }

  /** @throws DatasetError with a sentence for the user; NoRoomError; DataProcessKilled; the reason of the signal */
  async do<N extends TaskName>(task: N, request: RequestOf<N>, options: DataProcessOptions): Promise<ReplyOf<N>> {
    const { signal, onProgress, timeLimitMs = TIME_LIMIT_MS } = options;
    signal?.throwIfAborted();
    const ended: { reason: unknown } = { reason: null };
    const end = (reason: unknown) => {
      ended.reason ??= reason;
      this.#child.kill('SIGKILL');
    };
    const abort = () => end(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    const { work, remedy } = LIMITED[task];
    const tooLong = setTimeout(
      () => end(new DatasetError(`${work} takes longer than ${timeLimitMs / 1000} s. ${remedy}`)),
      timeLimitMs,
    );
    let hear: ((said: Said) => void) | undefined;
    const answered = new Promise<Outcome>((resolve) => {
      hear = (said) => {
        if ('progressPercent' in said) return onProgress?.(said.progressPercent);
        this.#residentBytes = said.residentBytes;
        resolve(said.outcome);
      };
      this.#child.on('message', hear);
    });
    try {
      this.#child.send({ task, request, mostResidentBytes: this.mostResidentBytes } satisfies Assignment);
      const outcome = await Promise.race([answered, this.#gone]);
      // Whoever removes the files of work that was ended waits until nobody writes to them.
      if (ended.reason !== null) {
        await this.#gone;
        throw ended.reason;
      }
      if ('ok' in outcome) return outcome.ok as ReplyOf<N>;
      const isTooMuch = 'tooMuchMemory' in outcome || ('code' in outcome && OUT_OF_MEMORY.test(this.#lastWords));
      if (isTooMuch) {
        await this.end();
        const gib = (this.mostResidentBytes / 1024 ** 3).toFixed(1);
        throw new DatasetError(`${work} takes more memory than it may (${gib} GiB). ${remedy}`);
      }
      if ('refused' in outcome) throw new DatasetError(outcome.refused);
      if ('noRoom' in outcome) throw new NoRoomError(outcome.noRoom);
      if ('failed' in outcome) throw new Error(outcome.failed);
      if (outcome.signal) throw new DataProcessKilled(`The data process for ${task} was ended by ${outcome.signal}.`);
      throw new Error(`The data process for ${task} ended with code ${outcome.code}: ${this.#lastWords.trim()}`);
    } finally {
      clearTimeout(tooLong);
      signal?.removeEventListener('abort', abort);
      if (hear) this.#child.off('message', hear);
    }
  }

  /** Lets this process end although the other has not. */
  unref(): void {
    this.#child.unref();
    this.#child.channel?.unref();
    this.#errors?.unref();
  }

  ref(): void {
    this.#child.ref();
    this.#child.channel?.ref();
    this.#errors?.ref();
  }

  /** Its standard error, which is a pipe and would keep this process as well. */
  get #errors(): Socket | null {
    return this.#child.stderr instanceof Socket ? this.#child.stderr : null;
  }

  async end(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#gone;
  }
}

/** Where the kernel takes such a limit, which macOS does not. */
function spawnLimited(mostBytes: number): ChildProcess {
  const limit = `ulimit -d ${Math.ceil(mostBytes / 1024)} 2>/dev/null; exec "$0" "$@"`;
  return spawn('/bin/sh', ['-c', limit, process.execPath, BUILT.dataProcess], {
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
  });
}
