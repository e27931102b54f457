import { setTimeout as after } from 'node:timers/promises';
import { isDatabaseAway } from '../../platform/postgres/database-away.ts';
import type { StepEvent, TrainerEvent } from '../../trainer/protocol.ts';

/** One event, or steps that came one after another and are written together. */
export type Delivery = Exclude<TrainerEvent, StepEvent> | StepEvent[];

/**
 * Writes the `nth` delivery of a claim, maybe again: nobody may have heard whether it was written.
 * Returns false when the write was refused because the lease is not the latest.
 */
export type WriteDelivery = (delivery: Delivery, nth: number) => Promise<boolean>;

const TRY_AGAIN_AFTER_MS = 300;
const MOST_STEPS_AT_ONCE = 500;
/** Steps that come within this time after others are written together: one by one they would slow a fast training down. */
const GATHER_STEPS_MS = 500;

/**
 * Writes a trainer's events in their order while the trainer goes on. When the database is away they wait here, for as
 * long as the lease is good: after that the run may be another's, and nothing of ours is written any more.
 */
export class EventDelivery {
  readonly #write: WriteDelivery;
  readonly #goodForMs: () => number;
  readonly #onRefused: (delivery: Delivery) => Promise<void>;
  #waiting: TrainerEvent[] = [];
  #count = 0;
  #delivering: Promise<void> | null = null;
  #over = false;
  #lastStepsAtMs = Number.NEGATIVE_INFINITY;
  /** The trainer has ended: no step is worth waiting for. */
  #hasEnded = false;
  /** Ends the gathering of steps; there is none while it is null. */
  #endGathering: AbortController | null = null;

  constructor(options: {
    write: WriteDelivery;
    goodForMs: () => number;
    /** Called once, after which nothing more is written. */
    onRefused: (delivery: Delivery) => Promise<void>;
  }) {
    this.#write = options.write;
    this.#goodForMs = options.goodForMs;
    this.#onRefused = options.onRefused;
  }

  add(event: TrainerEvent): void {
    if (this.#over) return;
    this.#waiting.push(event);
    if (event.type !== 'step') this.#endGathering?.abort();
    this.#delivering ??= this.#deliver();
    // Whoever waits for `done` hears of a failure; until then it must not end the process.
    this.#delivering.catch(() => {});
  }

  /** Returns when every event is written, or none will be any more. @throws what a write failed with, if not for an outage */
  async done(): Promise<void> {
    this.#hasEnded = true;
    this.#endGathering?.abort();
    await this.#delivering;
  }

  async #deliver(): Promise<void> {
    try {
      for (let next = await this.#next(); next; next = await this.#next()) {
        if (!(await this.#persist(next))) {
          this.#over = true;
          return;
        }
      }
      this.#delivering = null;
    } catch (error) {
      this.#over = true;
      throw error;
    }
  }

  async #next(): Promise<Delivery | null> {
    const gatherMs = this.#lastStepsAtMs + GATHER_STEPS_MS - performance.now();
    if (gatherMs > 0 && !this.#hasEnded && this.#waiting.every(({ type }) => type === 'step')) {
      this.#endGathering = new AbortController();
      await after(gatherMs, undefined, { signal: this.#endGathering.signal }).catch(() => {});
      this.#endGathering = null;
    }
    return this.#take();
  }

  #take(): Delivery | null {
    const [first] = this.#waiting;
    if (!first) return null;
    if (first.type !== 'step') {
      this.#waiting.shift();
      return first;
    }
    const other = this.#waiting.findIndex(({ type }) => type !== 'step');
    const count = Math.min(other === -1 ? this.#waiting.length : other, MOST_STEPS_AT_ONCE);
    this.#lastStepsAtMs = performance.now();
    return this.#waiting.splice(0, count) as StepEvent[];
  }

  /** False when it was refused, or the lease ended while the database was away. */
  async #persist(delivery: Delivery): Promise<boolean> {
    const nth = ++this.#count;
    for (;;) {
      try {
        if (await this.#write(delivery, nth)) return true;
        await this.#onRefused(delivery);
        return false;
      } catch (error) {
        if (!isDatabaseAway(error)) throw error;
        if (this.#goodForMs() < 0) return false;
        await after(TRY_AGAIN_AFTER_MS);
      }
    }
  }
}
