import { KEPT_IDLE_MS, type WarmPython } from '../trainer/warm-python.ts';
import type { BundleEvent, BundleQuestion, BundleReply } from './bundle-protocol.ts';
import { type BundlePlace, BundleReader } from './bundle-reader.ts';

/** Each has models in memory. */
const MOST_READERS = 2;

interface Kept {
  reader: BundleReader;
  idle: NodeJS.Timeout;
}

/** Readers of the bundles that were asked lately: loading one takes seconds, asking one milliseconds. */
export class BundleReaders {
  /** The one that was asked last is the last. */
  readonly #readers = new Map<string, Kept>();
  readonly #warm: WarmPython;

  /** @param warm of what answers need */
  constructor(warm: WarmPython) {
    this.#warm = warm;
  }

  /** What a bundle says to a question. @throws UnreadableBundle */
  async ask(place: BundlePlace, question: BundleQuestion): Promise<BundleReply> {
    return await this.#readerOf(place).ask(question);
  }

  /** The same, told as it is said, until `left`. @throws UnreadableBundle */
  stream(place: BundlePlace, question: BundleQuestion, left: AbortSignal): AsyncGenerator<BundleEvent> {
    return this.#readerOf(place).stream(question, left);
  }

  close(): void {
    for (const key of [...this.#readers.keys()]) this.#end(key);
  }

  #readerOf(place: BundlePlace): BundleReader {
    const key = JSON.stringify(place);
    const kept = this.#readers.get(key);
    this.#readers.delete(key);
    clearTimeout(kept?.idle);
    const reader = kept && !kept.reader.isOver ? kept.reader : new BundleReader(this.#warm.start, place);
    this.#readers.set(key, { reader, idle: setTimeout(() => this.#end(key), KEPT_IDLE_MS).unref() });
    for (const [oldest] of [...this.#readers].slice(0, -MOST_READERS)) this.#end(oldest);
    return reader;
  }

  #end(key: string): void {
    const kept = this.#readers.get(key);
    clearTimeout(kept?.idle);
    kept?.reader.close();
    this.#readers.delete(key);
  }
}
