/** A workflow that somebody ended, or that Temporal lost, is started anew after this time at the latest. */
const START_AGAIN_AFTER_MS = 10_000;
/** And sooner where nobody works on it yet: the workflow before it may have been about to end when this one was asked for. */
const START_UNHEARD_AFTER_MS = 2_000;

interface Row {
  id: number;
  workflow_started_at: Date | null;
}

interface Dispatched<R extends Row> {
  /** Those that are to have a workflow, the oldest first. */
  find(): Promise<R[]>;
  /** Whether nobody works on it yet. */
  isUnheard(row: R): boolean;
  start(row: R): Promise<void>;
  /** Writes that its workflow was started. */
  noteStart(row: R): Promise<unknown>;
}

/**
 * Sees to it that each row with something to do has a workflow. Rows are the list of what is to do: a crash between a row and its
 * workflow, or a workflow that was ended by hand, loses nothing.
 */
export class RowDispatcher<R extends Row> {
  readonly #rows: Dispatched<R>;
  readonly #startedAtMs = new Map<number, number>();

  constructor(rows: Dispatched<R>) {
    this.#rows = rows;
  }

  /** Rejects when the database or Temporal is away. */
  async pass(): Promise<void> {
    const found = await this.#rows.find();
    for (const row of found) {
      const startAgainAfterMs = this.#rows.isUnheard(row) ? START_UNHEARD_AFTER_MS : START_AGAIN_AFTER_MS;
      const startedAtMs = this.#startedAtMs.get(row.id) ?? 0;
      if (row.workflow_started_at !== null && performance.now() - startedAtMs < startAgainAfterMs) continue;
      await this.#rows.start(row);
      this.#startedAtMs.set(row.id, performance.now());
      await this.#rows.noteStart(row);
    }
    const known = new Set(found.map(({ id }) => id));
    for (const id of this.#startedAtMs.keys()) if (!known.has(id)) this.#startedAtMs.delete(id);
  }
}
