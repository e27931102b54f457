import { AsyncLocalStorage } from 'node:async_hooks';

const asked = new AsyncLocalStorage<string>();

/** Does work that somebody has asked for: all that it writes can say by whom. Null: nobody in particular. */
export function whileAskedBy<T>(name: string | null, work: () => T): T {
  return name === null ? work() : asked.run(name, work);
}

/**
 * The name of whoever asked for what is done now, null where that is nobody in particular. Not to be asked in what is done for several
 * at once (`batched`): there it is the first of them.
 */
export function askedBy(): string | null {
  return asked.getStore() ?? null;
}
