import { AsyncLocalStorage } from 'node:async_hooks';

const asked = new AsyncLocalStorage<{ name: string; keyId: number | null }>();

/** Does work that somebody has asked for: all that it writes can say by whom. Null: nobody in particular, or with no key of the database. */
export function whileAskedBy<T>(name: string | null, keyId: number | null, work: () => T): T {
  return name === null ? work() : asked.run({ name, keyId }, work);
}

/**
 * The name of whoever asked for what is done now, null where that is nobody in particular. Not to be asked in what is done for several
 * at once (`batched`): there it is the first of them.
 */
export function askedBy(): string | null {
  return asked.getStore()?.name ?? null;
}

/** The id of the key of the database with which it was asked for; null: with none. The same holds for what is done for several. */
export function askedByKey(): number | null {
  return asked.getStore()?.keyId ?? null;
}
