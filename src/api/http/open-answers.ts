import type { Context } from 'koa';
import type { Principal } from '../../models/keys/roles.ts';

const LOOK_EVERY_MS = 1_000;

/**
 * Requests whose body or answer takes its time: event streams, answers of models, uploads, downloads. Each is cut off when its key opens
 * nothing any more.
 */
export class OpenAnswers {
  readonly #open = new Map<Context, Principal>();
  readonly #stillIn: () => Promise<(principal: Principal) => boolean>;
  #timer: NodeJS.Timeout | undefined;

  /** @param stillIn says of whom the keys of this moment let in; it rejects while that cannot be known */
  constructor(stillIn: () => Promise<(principal: Principal) => boolean>) {
    this.#stillIn = stillIn;
  }

  /** Until its answer is there, or, where that is a stream, at its end. */
  async during(ctx: Context, principal: Principal, answer: () => Promise<void>): Promise<void> {
    this.#open.set(ctx, principal);
    this.#timer ??= setInterval(() => void this.#look(), LOOK_EVERY_MS).unref();
    try {
      await answer();
    } finally {
      if (isStream(ctx) && !ctx.res.closed) ctx.res.once('close', () => this.#leave(ctx));
      else this.#leave(ctx);
    }
  }

  #leave(ctx: Context): void {
    this.#open.delete(ctx);
  }

  async #look(): Promise<void> {
    if (this.#open.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    try {
      const isStillIn = await this.#stillIn();
      for (const [ctx, principal] of this.#open) {
        const takesTime = isStream(ctx) || !ctx.req.complete;
        if (takesTime && !isStillIn(principal)) ctx.res.destroy();
      }
    } catch {
      // The database is away: who was let in before stays, since nobody can say otherwise; the next look may know.
    }
  }
}

function isStream(ctx: Context): boolean {
  return typeof ctx.body === 'object' && ctx.body !== null && 'pipe' in ctx.body;
}
