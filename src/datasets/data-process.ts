import { fork } from 'node:child_process';
import { availableParallelism, getPriority, setPriority } from 'node:os';
import pLimit from 'p-limit';
import { BUILT } from '../built-files.ts';
import { NoRoomError } from '../files.ts';
import type { TASKS } from './data-process-main.ts';
import { DatasetError } from './dataset-error.ts';

type Tasks = { [N in keyof typeof TASKS]: Awaited<ReturnType<(typeof TASKS)[N]>> };
type TaskName = keyof Tasks;
type RequestOf<N extends TaskName> = Parameters<Tasks[N]>[0];
type ReplyOf<N extends TaskName> = Awaited<ReturnType<Tasks[N]>>;

/** What a data process is told when it starts. */
export interface Assignment {
  task: TaskName;
  request: unknown;
  mostResidentBytes: number;
}

/** What it says: how far it is, any number of times, and then how it ended. */
export type Said =
  | { progressPercent: number }
  | { ok: unknown }
  | { refused: string }
  | { noRoom: string }
  | { tooMuchMemory: true }
  | { failed: string };

/** The process was ended from outside, by a person or by a machine without memory. Nothing is wrong with the data. */
export class DataProcessKilled extends Error {}

export interface DataProcessOptions {
  /** Ends the work; the promise is rejected with its reason. */
  signal?: AbortSignal | undefined;
  onProgress?: (percent: number) => void;
  mostResidentBytes?: number;
  timeLimitMs?: number;
}

/** Beyond what DuckDB is given, it is for a row of the largest size that is read, and its parsing. */
const MOST_RESIDENT_BYTES = 2 * 1024 ** 3;
const TIME_LIMIT_MS = 3 * 60 * 60 * 1000;

const SMALLER_MIXTURE = 'Lower max_rows, or take datasets without so long rows.';
const SMALLER_DATASET = 'Shorten its longest rows, or upload it in parts.';

/** What is said when work reaches a limit. */
const LIMITED: Record<TaskName, { work: string; remedy: string }> = {
  convert: { work: 'To convert file', remedy: 'Split its longest rows, or the file.' },
  profile: { work: 'To profile the dataset', remedy: SMALLER_DATASET },
  datasetTokens: { work: "To count the dataset's tokens", remedy: SMALLER_DATASET },
  checkRows: { work: "To check the dataset's rows", remedy: SMALLER_DATASET },
  draft: { work: 'To plan the mixture', remedy: SMALLER_MIXTURE },
  mix: { work: 'To mix the datasets', remedy: SMALLER_MIXTURE },
};

/** Behind the API, Temporal and the trainer, where there is less than one core for each. */
const NICENESS = 10;

/** Each takes half a second of a core to start, and memory: when many runs begin at once, they wait for each other. */
const oneOfFew = pLimit(Math.max(4, availableParallelism()));

/**
 * Does work on data in a process of its own: DuckDB's memory must not become the API's, and what takes too much memory
 * or time can be ended. It dies with this process. Only a few are at work at the same time.
 * @throws DatasetError with a sentence for the user; NoRoomError; DataProcessKilled; the reason of the signal
 */
export function inDataProcess<N extends TaskName>(
  task: N,
  request: RequestOf<N>,
  options: DataProcessOptions = {},
): Promise<ReplyOf<N>> {
  return oneOfFew(() => start(task, request, options));
}

function start<N extends TaskName>(task: N, request: RequestOf<N>, options: DataProcessOptions): Promise<ReplyOf<N>> {
  const { signal, onProgress, mostResidentBytes = MOST_RESIDENT_BYTES, timeLimitMs = TIME_LIMIT_MS } = options;
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const child = fork(BUILT.dataProcess, [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    // From its first instruction on: to load all that it needs is most of what a small piece of work costs.
    // The orchestrator's is lower already, and only root may raise it.
    if (child.pid !== undefined) setPriority(child.pid, Math.max(getPriority(), NICENESS));
    const ended: { reason: unknown } = { reason: null };
    const end = (reason: unknown) => {
      ended.reason ??= reason;
      child.kill('SIGKILL');
    };
    const abort = () => end(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    const { work, remedy } = LIMITED[task];
    const tooLong = setTimeout(
      () => end(new DatasetError(`${work} takes longer than ${timeLimitMs / 1000} s. ${remedy}`)),
      timeLimitMs,
    );
    let last: Said | null = null;
    child.on('message', (said: Said) => {
      if ('progressPercent' in said) onProgress?.(said.progressPercent);
      else last = said;
    });
    child.once('error', reject);
    // Only when it is gone: whoever removes its files then removes all of them.
    child.once('exit', (code, signalName) => {
      clearTimeout(tooLong);
      signal?.removeEventListener('abort', abort);
      if (ended.reason !== null) reject(ended.reason);
      else if (last && 'ok' in last) resolve(last.ok as ReplyOf<N>);
      else if (signalName) reject(new DataProcessKilled(`The data process for ${task} was ended by ${signalName}.`));
      else if (last && 'tooMuchMemory' in last)
        reject(
          new DatasetError(
            `${work} takes more memory than it may (${(mostResidentBytes / 1024 ** 3).toFixed(1)} GiB). ${remedy}`,
          ),
        );
      else reject(errorOf(last, `The data process for ${task} ended with code ${code}.`));
    });
    child.send({ task, request, mostResidentBytes } satisfies Assignment);
  });
}

function errorOf(said: Said | null, otherwise: string): Error {
  if (said && 'refused' in said) return new DatasetError(said.refused);
  if (said && 'noRoom' in said) return new NoRoomError(said.noRoom);
  return new Error(said && 'failed' in said ? said.failed : otherwise);
}
