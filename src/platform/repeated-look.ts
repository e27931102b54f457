import { setTimeout as after } from 'node:timers/promises';

/**
 * What a look at something found last, while it is looked at again and again: one look at a time, so that one that hangs keeps nobody
 * waiting, and takes no more than one thread. Where a look fails, what the one before has found stays.
 */
export class RepeatedLook<Found> {
  last: Found;
  readonly #stopped = new AbortController();

  private constructor(first: Found) {
    this.last = first;
  }

  /** @throws what the first look fails with */
  static async begin<Found>(look: () => Promise<Found>, everyMs: number): Promise<RepeatedLook<Found>> {
    const looking = new RepeatedLook<Found>(await look());
    void looking.#goOn(look, everyMs);
    return looking;
  }

  stop(): void {
    this.#stopped.abort();
  }

  async #goOn(look: () => Promise<Found>, everyMs: number): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      await after(everyMs, undefined, { signal }).catch(() => {});
      if (!signal.aborted) this.last = await look().catch(() => this.last);
    }
  }
}
