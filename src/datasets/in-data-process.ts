import { availableParallelism } from 'node:os';
import pLimit from 'p-limit';
import { DataProcess, type DataProcessOptions, type ReplyOf, type RequestOf, type TaskName } from './data-process.ts';

/** Each takes a core while it works, and memory: when many runs begin at once, they wait for each other. */
const AT_ONCE = Math.max(4, availableParallelism());
/** To start one is most of what a small piece of work costs. */
const MOST_IDLE = 2;
const IDLE_MS = 60_000;
/** One that keeps more of what it did is not used again. */
const MOST_IDLE_RESIDENT_BYTES = 200 * 1024 ** 2;

const oneOfFew = pLimit(AT_ONCE);
/** The one that worked last is the last. */
const idle: { worker: DataProcess; timeout: NodeJS.Timeout }[] = [];

/**
 * Does work on data in a process of its own: DuckDB's memory must not become the API's, and what takes too much memory
 * or time can be ended. It dies with this process. Only a few are at work at the same time.
 * @throws DatasetError with a sentence for the user; NoRoomError; DataProcessKilled; the reason of the signal
 */
export async function inDataProcess<N extends TaskName>(
  task: N,
  request: RequestOf<N>,
  options: DataProcessOptions = {},
): Promise<ReplyOf<N>> {
  const { mostResidentBytes } = options;
  return await oneOfFew(async (): Promise<ReplyOf<N>> => {
    const worker = mostResidentBytes === undefined ? takeIdle() : new DataProcess(mostResidentBytes);
    try {
      return await worker.do(task, request, options);
    } finally {
      const isFit = !worker.isOver && worker.residentBytes < MOST_IDLE_RESIDENT_BYTES;
      if (isFit && mostResidentBytes === undefined) keepIdle(worker);
      else await worker.end();
    }
  });
}

function takeIdle(): DataProcess {
  for (let last = idle.pop(); last; last = idle.pop()) {
    clearTimeout(last.timeout);
    if (last.worker.isOver) continue;
    last.worker.ref();
    return last.worker;
  }
  return new DataProcess();
}

function keepIdle(worker: DataProcess): void {
  worker.unref();
  const timeout = setTimeout(() => void forget(worker), IDLE_MS).unref();
  idle.push({ worker, timeout });
  const [oldest] = idle;
  if (idle.length > MOST_IDLE && oldest) void forget(oldest.worker);
}

async function forget(worker: DataProcess): Promise<void> {
  const place = idle.findIndex((kept) => kept.worker === worker);
  if (place === -1) return;
  const [kept] = idle.splice(place, 1);
  clearTimeout(kept?.timeout);
  await worker.end();
}
