import { isIPv6 } from 'node:net';
import { LRUCache } from 'lru-cache';

/** So many different wrong keys may come from one address within the time. A program that repeats an old one guesses nothing. */
const MOST_WRONG_KEYS = 20;
const WITHIN_MS = 60_000;
/** Of addresses, and of wrong keys: more are forgotten before their time, the oldest first. */
const MOST_REMEMBERED = 10_000;

/** Counts wrong keys by the address that they come from, so that nobody guesses many. */
export class FailedKeys {
  readonly #wrong = new LRUCache<string, true>({ max: MOST_REMEMBERED, ttl: WITHIN_MS });
  readonly #counts = new LRUCache<string, number>({ max: MOST_REMEMBERED, ttl: WITHIN_MS, noUpdateTTL: true });

  /** How long an address has to wait before another key of it is looked at, in seconds; null: it has not. */
  waitOf(ip: string): number | null {
    const address = networkOf(ip);
    if ((this.#counts.get(address) ?? 0) < MOST_WRONG_KEYS) return null;
    return Math.max(1, Math.ceil(this.#counts.getRemainingTTL(address) / 1000));
  }

  /** @param keySha256 of the key, which is not kept */
  note(ip: string, keySha256: string): void {
    const address = networkOf(ip);
    const wrong = `${address} ${keySha256}`;
    if (this.#wrong.has(wrong)) return;
    this.#wrong.set(wrong, true);
    this.#counts.set(address, (this.#counts.get(address) ?? 0) + 1);
  }
}

/** Whoever has one address of IPv6 has the other 2^64 of its network as well. */
function networkOf(ip: string): string {
  if (!isIPv6(ip) || ip.startsWith('::ffff:')) return ip;
  const [head = '', tail] = ip.split('::');
  const [first, last] = [head, tail ?? ''].map((part) => part.split(':').filter(Boolean)) as [string[], string[]];
  const zeros = tail === undefined ? [] : Array<string>(8 - first.length - last.length).fill('0');
  return [...first, ...zeros, ...last].slice(0, 4).join(':');
}
