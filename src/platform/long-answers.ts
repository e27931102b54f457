import { setTimeout as after } from 'node:timers/promises';

/** Everybody is answered within ten seconds, counted from the request on. */
export const ANSWER_WITHIN_MS = 8_000;
/** How long a result that nobody waited for is kept for who asks again. */
const KEEP_MS = 10 * 60_000;
const MOST_KEPT = 200;

/** Percent from 0 to 100, or null while it is not known. */
export type OnProgress = (percent: number) => void;

/** The answer is not there yet: what was asked for goes on, and asking the same again gives it, or how far it is. */
export class StillAtWork extends Error {
  readonly progressPercent: number | null;

  constructor(progressPercent: number | null) {
    super(
      'It takes longer than an answer may. It goes on: send the same request again, and it is answered when it is done.',
    );
    this.progressPercent = progressPercent;
  }
}

/**
 * Does work that may take longer than an answer may. `what`: all that its result depends on, beside the
 * endpoint.
 */
export type Slowly = <T>(what: unknown, work: (onProgress: OnProgress) => Promise<T>) => Promise<T>;

interface Work {
  outcome: Promise<unknown>;
  progressPercent: number | null;
}

/**
 * Work on data that may take minutes. The same work that is asked for meanwhile is done once. Its result, or why it failed, is
 * given to everybody who waits for it; if nobody does by then, to the first who asks again.
 */
export class LongAnswers {
  readonly #works = new Map<string, Work>();

  /**
   * @param what names the work and all that its result depends on
   * @throws StillAtWork after `waitMs`; what the work does
   */
  async answer<T>(what: unknown, waitMs: number, work: (onProgress: OnProgress) => Promise<T>): Promise<T> {
    const key = JSON.stringify(what);
    const found = this.#works.get(key) ?? this.#begin(key, work);
    const waiting = new AbortController();
    const tooLong = after(waitMs, undefined, { signal: waiting.signal }).then(() => {
      throw new StillAtWork(found.progressPercent);
    });
    try {
      const result = await Promise.race([found.outcome, tooLong]);
      this.#forget(key, found);
      return result as T;
    } catch (error) {
      if (!(error instanceof StillAtWork)) this.#forget(key, found);
      throw error;
    } finally {
      waiting.abort();
      tooLong.catch(() => {});
    }
  }

  #begin(key: string, work: (onProgress: OnProgress) => Promise<unknown>): Work {
    const begun: Work = { outcome: Promise.resolve(), progressPercent: null };
    begun.outcome = work((percent) => {
      begun.progressPercent = percent;
    });
    this.#works.set(key, begun);
    begun.outcome.catch(() => {}).finally(() => setTimeout(() => this.#forget(key, begun), KEEP_MS).unref());
    const [oldest] = this.#works.keys();
    if (this.#works.size > MOST_KEPT && oldest !== undefined) this.#works.delete(oldest);
    return begun;
  }

  #forget(key: string, work: Work): void {
    if (this.#works.get(key) === work) this.#works.delete(key);
  }
}
