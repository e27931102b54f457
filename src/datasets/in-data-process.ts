import { availableParallelism } from 'node:os';
import type { DataProcessOptions, ReplyOf, RequestOf, TaskName } from './data-process.ts';
import { DataProcessPool } from './data-process-pool.ts';

/** What shows rows: people wait for it. */
type ReadingTask = 'preview' | 'mixtureRows';

const IDLE_MS = 60_000;

/** Each takes a core while it works, and memory: when many runs begin at once, they wait for each other. */
const workers = new DataProcessPool({
  atOnce: Math.max(4, availableParallelism()),
  mostIdle: 2,
  idleMs: IDLE_MS,
  mostIdleResidentBytes: 200 * 1024 ** 2,
});

/** Of their own, so that nobody who looks at rows waits for a conversion; few, since each piece of work is short. */
const READERS = 2;
const MOST_WAITING_FOR_ROWS = 32;
const READ_LIMIT_MS = 10_000;
const readers = new DataProcessPool({
  atOnce: READERS,
  mostIdle: READERS,
  idleMs: 10 * IDLE_MS,
  // They are few, and a person waits for the start of another.
  mostIdleResidentBytes: 400 * 1024 ** 2,
  mostWaiting: MOST_WAITING_FOR_ROWS,
  limits: { mostResidentBytes: 1024 ** 3, niceness: 0 },
});

/**
 * Does work on data in a process of its own: DuckDB's memory must not become the API's, and what takes too much memory
 * or time can be ended. It dies with this process. Only a few are at work at the same time.
 * @throws DatasetError with a sentence for the user; NoRoomError; DataProcessKilled; the reason of the signal
 */
export async function inDataProcess<N extends Exclude<TaskName, ReadingTask>>(
  task: N,
  request: RequestOf<N>,
  options: DataProcessOptions = {},
): Promise<ReplyOf<N>> {
  return await workers.do(task, request, options);
}

/**
 * Reads rows in one of a few processes that are kept for it.
 * @throws DatasetError with a sentence for the user; DataProcessesBusy when too many wait already; DataProcessKilled
 */
export async function inReader<N extends ReadingTask>(task: N, request: RequestOf<N>): Promise<ReplyOf<N>> {
  return await readers.do(task, request, { timeLimitMs: READ_LIMIT_MS });
}
