import { isObject, type Json, type JsonObject } from './json-value.ts';
import { isBlankText } from './texts.ts';

/** Why a row gives no conversation, as the end of a sentence. The same words for the same reason: rows are counted by it. */
export class RowProblem extends Error {}

/** What a row has that training makes no use of: names of columns, and of keys of messages as `messages[].key`. */
export type Unused = Set<string>;

/** Nothing is lost with it: it is what exports write where there is no value. */
export function isEmpty(value: Json | undefined): boolean {
  if (value === undefined || value === null) return true;
  if (typeof value === 'string') return isBlankText(value);
  if (Array.isArray(value)) return value.every(isEmpty);
  return isObject(value) && Object.values(value).every(isEmpty);
}

/**
 * The fields of an object that is read: each is asked for by its names, and what nobody asked for is reported as unused,
 * unless it is known to mean nothing.
 */
export class Fields {
  readonly #object: JsonObject;
  readonly #path: string;
  readonly #unused: Unused;
  readonly #used = new Set<string>();

  constructor(object: JsonObject, path: string, unused: Unused) {
    this.#object = object;
    this.#path = path;
    this.#unused = unused;
  }

  /** The first of these that has a value. Others that have another value are left to be reported. */
  take(...names: readonly string[]): Json | undefined {
    const name = names.find((one) => !isEmpty(this.#object[one])) ?? names.find((one) => one in this.#object);
    if (name === undefined) return undefined;
    const value = this.#object[name];
    for (const other of names)
      if (other === name || JSON.stringify(this.#object[other]) === JSON.stringify(value)) this.#used.add(other);
    return value;
  }

  /** Each of these that there is. */
  *takeAll(names: readonly string[]): Generator<[string, Json]> {
    for (const name of names) {
      const value = this.#object[name];
      if (value === undefined) continue;
      this.#used.add(name);
      yield [name, value];
    }
  }

  /** Reports what was not asked for. */
  reportRest(meaningless: ReadonlySet<string>): void {
    for (const [key, value] of Object.entries(this.#object))
      if (!this.#used.has(key) && !meaningless.has(key) && !isEmpty(value)) this.#unused.add(`${this.#path}.${key}`);
  }
}
