import { bodyOf, client, detailOf } from './client.ts';
import { datasetsKey } from './datasets.ts';
import { newKey } from './idempotency.ts';
import { queryClient } from './query-client.ts';
import { sessionKey } from './session.ts';
import type { Dataset } from './types.ts';
import { speedometer } from './upload-speed.ts';

/** A browser has six connections for a host, and other parts of the page need some. */
const AT_ONCE = 2;
const LOOK_EVERY_MS = 1_000;
const BROKEN =
  'The connection broke before the service had answered. Send it again: should it have been saved after all, it is not saved twice.';

export type UploadState = 'waiting' | 'sending' | 'converting' | 'saved' | 'refused' | 'cancelled';

/** A file on its way to becoming a dataset. */
export interface Upload {
  readonly id: number;
  readonly file: File;
  /** Whether rows that cannot be read are left out; otherwise the file is refused for them. */
  readonly skipsBadRows: boolean;
  /** Under which it is sent. */
  readonly key: string;
  readonly state: UploadState;
  readonly sentBytes: number;
  /** Of the request: the file, and some bytes around it. */
  readonly totalBytes: number;
  readonly bytesPerS: number | null;
  /** How far its conversion is; null: not known yet. */
  readonly percent: number | null;
  readonly dataset: Dataset | null;
  /** Why there is no dataset, in the words of the API. */
  readonly problem: string | null;
}

export function isUnderWay({ state }: Upload): boolean {
  return state === 'waiting' || state === 'sending' || state === 'converting';
}

/**
 * The uploads of this page. They go on when the visitor goes to another screen, so they are no part of any. By XMLHttpRequest, since
 * fetch does not tell how much was sent.
 */
class Uploads {
  #all: readonly Upload[] = [];
  #lastId = 0;
  #isLooking = false;
  readonly #requests = new Map<number, XMLHttpRequest>();
  readonly #listeners = new Set<() => void>();

  /** Oldest first; another list after each change. */
  get all(): readonly Upload[] {
    return this.#all;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  add(files: Iterable<File>): void {
    const added = Array.from(files, (file) => ({
      ...NEW,
      id: ++this.#lastId,
      file,
      key: newKey(),
      totalBytes: file.size,
    }));
    this.#set([...this.#all, ...added]);
    this.#sendNext();
  }

  /** As the same request, where its answer was lost; as another one, where rows are left out now. */
  sendAgain({ id, file, key, skipsBadRows }: Upload, { skipBadRows = skipsBadRows } = {}): void {
    const isSame = skipBadRows === skipsBadRows;
    this.#change(id, { ...NEW, key: isSame ? key : newKey(), skipsBadRows: skipBadRows, totalBytes: file.size });
    this.#sendNext();
  }

  cancel({ id }: Upload): void {
    const request = this.#requests.get(id);
    if (request) request.abort();
    else this.#change(id, { state: 'cancelled' });
  }

  /** Shows an upload that has ended no longer. */
  dismiss({ id }: Upload): void {
    this.#set(this.#all.filter((upload) => upload.id !== id));
  }

  #sendNext(): void {
    while (this.#requests.size < AT_ONCE) {
      const next = this.#all.find(({ state }) => state === 'waiting');
      if (!next) return;
      this.#send(next);
    }
  }

  #send({ id, file, key, skipsBadRows }: Upload): void {
    const request = new XMLHttpRequest();
    const speedOf = speedometer();
    request.open('POST', '/api/v1/datasets/');
    request.setRequestHeader('Idempotency-Key', key);
    request.upload.onprogress = ({ loaded, total }) =>
      this.#change(id, { sentBytes: loaded, totalBytes: total, bytesPerS: speedOf(loaded) });
    request.upload.onload = () => {
      this.#change(id, { state: 'converting' });
      void this.#lookAtConversions();
    };
    request.onload = () => this.#end(id, outcomeOf(request));
    request.onerror = () => this.#end(id, { state: 'refused', problem: BROKEN });
    request.onabort = () => this.#end(id, { state: 'cancelled' });
    const form = new FormData();
    form.set('name', nameOf(file));
    if (skipsBadRows) form.set('on_bad_rows', 'skip');
    form.set('file', file);
    this.#requests.set(id, request);
    this.#change(id, { state: 'sending' });
    request.send(form);
  }

  #end(id: number, outcome: Partial<Upload>): void {
    this.#requests.delete(id);
    this.#change(id, outcome);
    // Also of one that was cancelled: it may just have been saved.
    void queryClient.invalidateQueries({ queryKey: datasetsKey });
    this.#sendNext();
  }

  /** How far the service is with what it has received: it knows an upload by the name and length of the file. */
  async #lookAtConversions(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    const converting = () => this.#all.filter(({ state }) => state === 'converting');
    while (converting().length > 0) {
      const found = await bodyOf(client.GET('/api/v1/datasets/uploads')).catch(() => ({ items: [] }));
      for (const { id, file, totalBytes } of converting()) {
        const own = found.items.find(
          ({ filename, total_bytes }) => filename === file.name && total_bytes === totalBytes,
        );
        if (own?.phase === 'converting') this.#change(id, { percent: own.progress });
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
    this.#isLooking = false;
  }

  #change(id: number, changes: Partial<Upload>): void {
    this.#set(this.#all.map((upload) => (upload.id === id ? { ...upload, ...changes } : upload)));
  }

  #set(all: readonly Upload[]): void {
    this.#all = all;
    // Whoever leaves the page ends what is under way: the browser asks first.
    if (all.some(isUnderWay)) window.addEventListener('beforeunload', ask);
    else window.removeEventListener('beforeunload', ask);
    for (const listener of this.#listeners) listener();
  }
}

const NEW = {
  state: 'waiting',
  skipsBadRows: false,
  sentBytes: 0,
  bytesPerS: null,
  percent: null,
  dataset: null,
  problem: null,
} as const;

function ask(event: BeforeUnloadEvent): void {
  event.preventDefault();
}

/** The name of a file without its endings. */
function nameOf({ name }: File): string {
  return name.replace(/\.(csv|tsv|json|jsonl|ndjson|parquet)(\.(gz|zst|zstd))?$/i, '').trim() || name;
}

function outcomeOf({ status, responseText }: XMLHttpRequest): Partial<Upload> {
  let body: unknown;
  try {
    body = JSON.parse(responseText);
  } catch {
    body = null;
  }
  if (status === 201) return { state: 'saved', dataset: body as Dataset };
  if (status === 401) void queryClient.invalidateQueries({ queryKey: sessionKey });
  return { state: 'refused', problem: detailOf(body) ?? `The answer was ${status}.` };
}

export const uploads = new Uploads();
