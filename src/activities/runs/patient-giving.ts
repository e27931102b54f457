import { setTimeout as after } from 'node:timers/promises';
import { recordEvent } from '../../models/runs/run-progress.ts';
import { StoreError } from '../../platform/object-store/store-error.ts';
import { isDatabaseAway } from '../../platform/postgres/database-away.ts';
import type { RunStore } from '../../runs/run-store.ts';
import { type Hold, SAVE_BEFORE, type StopReason } from './under-lease.ts';

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;

/**
 * Gives what a claim made to the store, again and again while that is away, as long as the claim is in force: the run says so meanwhile.
 * Where the claim is to end and is saved first, what is under way is finished, and a store that is away is not waited for.
 */
export class PatientGiving {
  readonly #store: RunStore;
  readonly #hold: Hold;
  readonly #broken = new AbortController();
  #isAway = false;

  constructor(store: RunStore, hold: Hold) {
    this.#store = store;
    this.#hold = hold;
    const onStop = () => {
      if (!SAVE_BEFORE.includes(hold.stop.reason as StopReason)) this.#broken.abort();
    };
    hold.stop.addEventListener('abort', onStop, { once: true });
    if (hold.stop.aborted) onStop();
  }

  /**
   * @param isObsolete whether it need not be given any more, looked at between two attempts
   * @returns whether it is there now. @throws what giving failed with, unless the store or the database is away
   */
  async give(give: (signal: AbortSignal) => Promise<void>, isObsolete = () => false): Promise<boolean> {
    const signal = this.#broken.signal;
    for (let waitMs = FIRST_WAIT_MS; !signal.aborted && this.#hold.goodForMs() > 0; ) {
      try {
        await give(signal);
        await this.#isBack();
        return true;
      } catch (error) {
        if (signal.aborted) return false;
        if (error instanceof StoreError) await this.#tellAway(error);
        else if (!isDatabaseAway(error)) throw error;
        if (isObsolete() || this.#hold.stop.aborted) return false;
        await after(waitMs, undefined, { signal: this.#hold.stop }).catch(() => {});
        waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS);
      }
    }
    return false;
  }

  async #tellAway({ message: why }: StoreError): Promise<void> {
    this.#hold.show({ store: why });
    if (this.#isAway) return;
    const message = `${why} What the training saves stays on this host until the store has it: if the host were lost meanwhile, the run would go on from an earlier checkpoint.`;
    this.#isAway = await this.#tell('warning', { message });
  }

  async #isBack(): Promise<void> {
    if (!this.#isAway) return;
    this.#isAway = false;
    this.#hold.show({ store: null });
    await this.#tell('log', { level: 'info', message: `The store ${this.#store.address} takes files again.` });
  }

  /** False where the database is away as well. */
  async #tell(kind: string, data: Record<string, unknown>): Promise<boolean> {
    try {
      return await recordEvent(this.#hold.lease, kind, data);
    } catch (error) {
      if (isDatabaseAway(error)) return false;
      throw error;
    }
  }
}
