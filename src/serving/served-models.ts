import { NotYetError } from '../platform/failure.ts';
import { KEPT_IDLE_MS, type WarmPython } from '../trainer/warm-python.ts';
import { ServedModel, type ServedPlace } from './served-model.ts';
import type { ServedLine, ServedRequest } from './serving-protocol.ts';

interface Kept {
  model: ServedModel;
  idle: NodeJS.Timeout | undefined;
}

/** A model, and an adapter upon it where it has one. */
export interface ServedTarget {
  place: ServedPlace;
  adapterPath: string | null;
}

/** Models in memory, each in a process of its own: those that were asked lately, at most `most`. Adapters of one base share it. */
export class ServedModels {
  /** The one that was asked last is the last. */
  readonly #kept = new Map<string, Kept>();
  readonly #warm: WarmPython;
  readonly #most: number;
  readonly #idleMs: number;

  /** @param warm of what answers need; one that nobody asks for `idleMs` is ended */
  constructor(warm: WarmPython, { most, idleMs = KEPT_IDLE_MS }: { most: number; idleMs?: number }) {
    this.#warm = warm;
    this.#most = most;
    this.#idleMs = idleMs;
  }

  /**
   * What a model says, line by line, until `left`. It is loaded first where it is not there.
   * @throws NotYetError while as many others as may be loaded answer; else as ServedModel.ask does
   */
  async *ask(
    { place, adapterPath }: ServedTarget,
    request: ServedRequest,
    left: AbortSignal,
  ): AsyncGenerator<ServedLine> {
    const key = JSON.stringify(place);
    const kept = this.#modelOf(key, place);
    try {
      yield* kept.model.ask(adapterPath, request, left);
    } finally {
      clearTimeout(kept.idle);
      if (kept.model.busy === 0) kept.idle = setTimeout(() => void this.#end(key, kept), this.#idleMs).unref();
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#kept].map(([key, kept]) => this.#end(key, kept)));
  }

  #modelOf(key: string, place: ServedPlace): Kept {
    const known = this.#kept.get(key);
    clearTimeout(known?.idle);
    this.#kept.delete(key);
    const kept = known && !known.model.isOver ? known : { model: this.#load(place), idle: undefined };
    this.#kept.set(key, kept);
    return kept;
  }

  /** Others make room first, the one that was asked longest ago before the others. */
  #load(place: ServedPlace): ServedModel {
    const excess = this.#kept.size + 1 - this.#most;
    const idle = [...this.#kept].filter(([, { model }]) => model.busy === 0).slice(0, Math.max(0, excess));
    if (idle.length < excess)
      throw new NotYetError(
        `${this.#most} models are answering now (MTM_SERVING_MODELS). Ask again when one of them has done.`,
      );
    const ended = Promise.all(idle.map(([key, kept]) => this.#end(key, kept)));
    // Their memory has to be free before another model looks for some.
    return new ServedModel(async (command) => {
      await ended;
      return await this.#warm.start(command);
    }, place);
  }

  async #end(key: string, kept: Kept): Promise<void> {
    clearTimeout(kept.idle);
    if (this.#kept.get(key) === kept) this.#kept.delete(key);
    await kept.model.close();
  }
}
