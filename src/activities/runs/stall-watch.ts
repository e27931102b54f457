import type { TrainerEvent } from '../../trainer/protocol.ts';

/** Loading, exporting and validating are one piece of work each, of which nothing is heard until it is done. */
const OTHER_PHASES_FACTOR = 6;
/** Where steps are slow by nature, so many of the slowest seen are waited for. */
const SLOWEST_STEPS = 20;

/**
 * Notices a trainer that hangs while its process, its worker and its lease are well: nothing is heard from it for longer
 * than its phase can take.
 */
export class StallWatch {
  readonly #stallTimeoutMs: number;
  readonly #timer: NodeJS.Timeout;
  #heardAtMs = performance.now();
  #slowestStepMs = 0;
  #stepped = false;
  #phase: string = 'starting';

  /** Calls `onStall` once, with a sentence. */
  constructor(stallTimeoutMs: number, onStall: (sentence: string) => void) {
    this.#stallTimeoutMs = stallTimeoutMs;
    this.#timer = setInterval(
      () => {
        const limitMs = this.#limitMs();
        if (performance.now() - this.#heardAtMs < limitMs) return;
        this.stop();
        onStall(
          `The trainer made no progress for ${Math.round(limitMs / 1000)} s (phase ${this.#phase}) and was ended. ` +
            'If its steps are so slow by nature, raise MTM_STALL_TIMEOUT_MS.',
        );
      },
      Math.min(1_000, stallTimeoutMs / 5),
    );
  }

  heard(event: TrainerEvent): void {
    const now = performance.now();
    // The first step takes longer than any other, and says nothing about them.
    if (event.type === 'step' && this.#stepped)
      this.#slowestStepMs = Math.max(this.#slowestStepMs, now - this.#heardAtMs);
    if (event.type === 'step') this.#stepped = true;
    if (event.type === 'phase') this.#phase = event.phase;
    this.#heardAtMs = now;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #limitMs(): number {
    return this.#phase === 'training'
      ? Math.max(this.#stallTimeoutMs, SLOWEST_STEPS * this.#slowestStepMs)
      : this.#stallTimeoutMs * OTHER_PHASES_FACTOR;
  }
}
