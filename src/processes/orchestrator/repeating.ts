import type { Logger } from '../../platform/logger.ts';

/** Work that looks at what there is to do and does it; that it fails while a server is away is to be expected. */
export interface RepeatingOptions {
  /** Begins the sentences of its log lines. */
  name: string;
  pass: () => Promise<void>;
  /** From the end of a pass to the next one. */
  everyMs: number;
  afterFailureMs: number;
  logger: Logger;
}

/** Does a pass again and again until it is stopped. Says once that passes fail, and once that they do no more. */
export class Repeating {
  readonly #options: RepeatingOptions;
  #timer: NodeJS.Timeout | undefined;
  #underWay: Promise<void> = Promise.resolve();
  #stopped = false;
  #failing = false;

  constructor(options: RepeatingOptions) {
    this.#options = options;
  }

  start(): void {
    this.#underWay = this.#passAndPlanNext();
  }

  /** Returns when the pass under way has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#underWay;
  }

  async #passAndPlanNext(): Promise<void> {
    const { name, pass, everyMs, afterFailureMs, logger } = this.#options;
    let waitMs = everyMs;
    try {
      await pass();
      if (this.#failing) logger.info(`${name} goes on.`);
      this.#failing = false;
    } catch (error) {
      waitMs = afterFailureMs;
      if (!this.#failing) logger.warn({ err: error }, `${name} waits: the database or Temporal is away.`);
      this.#failing = true;
    }
    if (this.#stopped) return;
    this.#timer = setTimeout(() => this.start(), waitMs);
  }
}
