import { findOldestWriter } from '../../models/runs/run-stream.ts';
import type { Logger } from '../../platform/logger.ts';

const STUCK_AFTER_MS = 30_000;

/**
 * Streams show nothing while a transaction stays open on the PostgreSQL server, whoever's it is (see readStream). Nobody
 * sees that from a stream, so it is logged, once for each such transaction.
 */
export class HorizonWatch {
  readonly #logger: Logger;
  readonly #stuckAfterMs: number;
  #horizon = '';
  #sinceMs = 0;
  #isTold = false;

  constructor(logger: Logger, stuckAfterMs = STUCK_AFTER_MS) {
    this.#logger = logger;
    this.#stuckAfterMs = stuckAfterMs;
  }

  /** After each look of a stream. The horizon is the server's, so all streams tell of the same one. */
  async see({ horizon, isHeldBack }: { horizon: string; isHeldBack: boolean }): Promise<void> {
    const nowMs = performance.now();
    if (horizon !== this.#horizon) {
      this.#horizon = horizon;
      this.#sinceMs = nowMs;
      this.#isTold = false;
    }
    const forMs = nowMs - this.#sinceMs;
    if (!isHeldBack || this.#isTold || forMs < this.#stuckAfterMs) return;
    this.#isTold = true;
    this.#logger.warn(
      { heldBackForMs: Math.round(forMs), transaction: horizon, writer: await findOldestWriter() },
      'Event streams wait: a transaction stays open on the PostgreSQL server. End it, and they go on.',
    );
  }
}
