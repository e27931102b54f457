import pLimit, { type LimitFunction } from 'p-limit';
import {
  DataProcess,
  DataProcessesBusy,
  type DataProcessLimits,
  type DataProcessOptions,
  type ReplyOf,
  type RequestOf,
  type TaskName,
} from './data-process.ts';

export interface PoolOptions {
  /** As many are at work at the same time; what comes beyond waits. */
  atOnce: number;
  /** As many are kept for what comes next: to start one is most of what a small piece of work costs. */
  mostIdle: number;
  /** For so long. */
  idleMs: number;
  /** One that keeps more of what it did is not used again. */
  mostIdleResidentBytes: number;
  /** When so many pieces of work wait, the next one is refused. Without it none is. */
  mostWaiting?: number;
  limits?: DataProcessLimits;
}

/** Data processes, of which a few work at the same time. */
export class DataProcessPool {
  readonly #options: PoolOptions;
  readonly #oneOfFew: LimitFunction;
  /** The one that worked last is the last. */
  readonly #idle: { worker: DataProcess; timeout: NodeJS.Timeout }[] = [];

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#oneOfFew = pLimit(options.atOnce);
  }

  /** @throws DataProcessesBusy; and what DataProcess.do does */
  async do<N extends TaskName>(task: N, request: RequestOf<N>, options: DataProcessOptions): Promise<ReplyOf<N>> {
    const { mostWaiting, limits } = this.#options;
    if (mostWaiting !== undefined && this.#oneOfFew.pendingCount >= mostWaiting)
      throw new DataProcessesBusy(`${mostWaiting} requests of this kind are waiting already.`);
    const { mostResidentBytes } = options;
    return await this.#oneOfFew(async (): Promise<ReplyOf<N>> => {
      const isOwn = mostResidentBytes !== undefined;
      const worker = isOwn ? new DataProcess({ ...limits, mostResidentBytes }) : this.#takeIdle();
      try {
        return await worker.do(task, request, options);
      } finally {
        if (!isOwn && !worker.isOver && worker.residentBytes < this.#options.mostIdleResidentBytes)
          this.#keepIdle(worker);
        else await worker.end();
      }
    });
  }

  #takeIdle(): DataProcess {
    for (let last = this.#idle.pop(); last; last = this.#idle.pop()) {
      clearTimeout(last.timeout);
      if (last.worker.isOver) continue;
      last.worker.ref();
      return last.worker;
    }
    return new DataProcess(this.#options.limits);
  }

  #keepIdle(worker: DataProcess): void {
    worker.unref();
    const timeout = setTimeout(() => void this.#forget(worker), this.#options.idleMs).unref();
    this.#idle.push({ worker, timeout });
    const [oldest] = this.#idle;
    if (this.#idle.length > this.#options.mostIdle && oldest) void this.#forget(oldest.worker);
  }

  async #forget(worker: DataProcess): Promise<void> {
    const place = this.#idle.findIndex((kept) => kept.worker === worker);
    if (place === -1) return;
    const [kept] = this.#idle.splice(place, 1);
    clearTimeout(kept?.timeout);
    await worker.end();
  }
}
