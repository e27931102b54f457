/** A worker that dies sooner than this after its start counts towards a crash loop; one that lives longer ends it. */
const YOUNG_MS = 60_000;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;

/** How long a host waits before it replaces a worker that died: not at all after one death, ever longer after more. */
export class CrashBackOff {
  #youngDeaths = 0;
  #lastDeathMs = 0;

  /** How many died young since one lived long enough. */
  get youngDeaths(): number {
    return this.#youngDeaths;
  }

  /** A worker that was started at that time died. @returns how long to wait before another takes its place */
  died(startedAtMs: number, nowMs = Date.now()): number {
    if (nowMs - startedAtMs >= YOUNG_MS) return 0;
    this.#youngDeaths += 1;
    this.#lastDeathMs = nowMs;
    if (this.#youngDeaths === 1) return 0;
    return Math.min(FIRST_WAIT_MS * 2 ** (this.#youngDeaths - 2), LONGEST_WAIT_MS);
  }

  /** A worker that was started at that time is alive. Older ones, beside which others die, tell nothing. */
  lives(startedAtMs: number, nowMs = Date.now()): void {
    if (nowMs - startedAtMs >= YOUNG_MS && startedAtMs >= this.#lastDeathMs) this.#youngDeaths = 0;
  }
}
