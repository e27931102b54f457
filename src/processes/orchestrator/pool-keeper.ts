import { planPoolBalance } from '../../activities/pool/plan-pool.ts';
import type { Orchestration } from '../../commands/workflows/client.ts';
import { AWAY_MS } from '../../models/pool/host.ts';
import { markLostWorkers } from '../../models/pool/lost-workers.ts';
import type { Logger } from '../../platform/logger.ts';

/** A look that comes later than this after the one before says nothing about what others did meanwhile. */
const LATE_MS = 5_000;
/** A run that was just queued is taken by an idle worker before the next look. */
const LOOKS_BEFORE_BALANCING = 2;
/** Workers that are drained save first. What takes longer goes on; the next look says what is still to do. */
const BALANCE_WITHIN_MS = 180_000;
const FIRST_WAIT_AFTER_FAILURE_MS = 2_000;
const LONGEST_WAIT_AFTER_FAILURE_MS = 60_000;

/**
 * Compares the pool with what the database wants of it. Workers of hosts that are away are marked as lost; too many
 * workers, or too few for the runs that wait, are for the pool's workflow, which is told to look. The database is the
 * list of what is to do: nothing is sent while it shows nothing, and what is lost on the way is sent again.
 */
export class PoolKeeper {
  readonly #orchestration: Orchestration;
  readonly #logger: Logger;
  /** Since when looks have come without a gap and the database has answered; null: not now. */
  #watchingSinceMs: number | null = null;
  #lastLookMs = 0;
  #unbalancedLooks = 0;
  #balancing = false;
  #nextBalanceMs = 0;
  #waitAfterFailureMs = FIRST_WAIT_AFTER_FAILURE_MS;

  constructor(orchestration: Orchestration, logger: Logger) {
    this.#orchestration = orchestration;
    this.#logger = logger;
  }

  /** One look. Rejects when the database is away. What the pool was told to do it finishes by itself. */
  async look(): Promise<void> {
    try {
      await this.#lookForLostHosts();
      await this.#lookForBalance();
    } catch (error) {
      this.#watchingSinceMs = null;
      throw error;
    }
  }

  async #lookForBalance(): Promise<void> {
    const { stop, start } = await planPoolBalance();
    if (this.#balancing || Date.now() < this.#nextBalanceMs) return;
    this.#unbalancedLooks = stop.length + start.length > 0 ? this.#unbalancedLooks + 1 : 0;
    if (this.#unbalancedLooks >= LOOKS_BEFORE_BALANCING) void this.#balance();
  }

  /** While the database, or this machine, was away nobody could report: hosts get time to do so before they count as gone. */
  async #lookForLostHosts(): Promise<void> {
    const nowMs = Date.now();
    if (Math.abs(nowMs - this.#lastLookMs) > LATE_MS) this.#watchingSinceMs = null;
    this.#lastLookMs = nowMs;
    this.#watchingSinceMs ??= nowMs;
    if (nowMs - this.#watchingSinceMs < AWAY_MS) return;
    const lost = await markLostWorkers();
    if (lost.length > 0) this.#logger.warn({ workers: lost }, 'A host is away: its workers count for nothing.');
  }

  async #balance(): Promise<void> {
    this.#balancing = true;
    try {
      await this.#orchestration.controlPool({ action: 'balance' }, BALANCE_WITHIN_MS);
      this.#waitAfterFailureMs = FIRST_WAIT_AFTER_FAILURE_MS;
    } catch (error) {
      this.#logger.warn({ err: error }, 'The pool could not be balanced; it is tried again.');
      this.#nextBalanceMs = Date.now() + this.#waitAfterFailureMs;
      this.#waitAfterFailureMs = Math.min(this.#waitAfterFailureMs * 2, LONGEST_WAIT_AFTER_FAILURE_MS);
    } finally {
      this.#balancing = false;
      this.#unbalancedLooks = 0;
    }
  }
}
