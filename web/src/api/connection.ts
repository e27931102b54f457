const ASK_EVERY_MS = 2_000;

/** Whether the API answers. While it does not, it is asked until it does, and all that is shown is then read again. */
class Connection {
  #lostAt: Date | null = null;
  readonly #listeners = new Set<() => void>();
  /** What is done when it answers again. */
  onReturn: () => void = () => {};

  /** Since when it does not answer; null: it does. */
  get lostAt(): Date | null {
    return this.#lostAt;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  lost(): void {
    if (this.#lostAt !== null) return;
    this.#change(new Date());
    void this.#askUntilReached();
  }

  reached(): void {
    if (this.#lostAt === null) return;
    this.#change(null);
    this.onReturn();
  }

  async #askUntilReached(): Promise<void> {
    while (this.#lostAt !== null) {
      await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
      const answered = await fetch('/api/v1/health').then(
        ({ ok }) => ok,
        () => false,
      );
      if (answered) this.reached();
    }
  }

  #change(lostAt: Date | null): void {
    this.#lostAt = lostAt;
    for (const listener of this.#listeners) listener();
  }
}

export const connection = new Connection();
