import { addSpan } from '../../platform/tracing.ts';
import type { TrainerEvent } from '../../trainer/protocol.ts';

/** Measures what happens before a trainer can: from the claim of its run until it is started, and until it says hello. */
export class Beginning {
  readonly #claimedAtMs: number;
  readonly #startedAtMs = performance.now();
  #helloAtMs = this.#startedAtMs;

  /** Begins when the trainer is about to be started. @param claimedAtMs of performance.now() */
  constructor(claimedAtMs: number) {
    this.#claimedAtMs = claimedAtMs;
  }

  /** The event, to the spans of which these two are added: they lie before the trainer's own, which begin at 0. */
  heard(event: TrainerEvent): TrainerEvent {
    if (event.type === 'hello') this.#helloAtMs = performance.now();
    if (event.type !== 'spans') return event;
    const before = [
      {
        name: 'claim',
        from_s: this.#seconds(this.#claimedAtMs),
        seconds: this.#seconds(this.#startedAtMs, this.#claimedAtMs),
      },
      {
        name: 'spawn',
        from_s: this.#seconds(this.#startedAtMs),
        seconds: this.#seconds(this.#helloAtMs, this.#startedAtMs),
      },
    ];
    const spans = [...before, ...event.spans];
    for (const span of spans) this.#addToTrace(span);
    return { ...event, spans };
  }

  /** The claim and the spawn are parts of the trace as well as the trainer's own. */
  #addToTrace({ name, from_s, seconds }: { name: string; from_s: number; seconds: number }): void {
    const fromMs = performance.timeOrigin + this.#helloAtMs + 1_000 * from_s;
    addSpan(name, {}, fromMs, fromMs + 1_000 * seconds);
  }

  #seconds(atMs: number, sinceMs = this.#helloAtMs): number {
    return Math.round(atMs - sinceMs) / 1_000;
  }
}
