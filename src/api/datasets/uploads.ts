import { randomUUID } from 'node:crypto';

/** An upload that has no dataset yet. */
export interface Upload {
  id: string;
  /** Null until the file's name has arrived. */
  filename: string | null;
  phase: 'receiving' | 'converting';
  receivedBytes: number;
  /** As the client announced it. */
  totalBytes: number | null;
  /** Of the phase. */
  progressPercent: number;
  startedAt: Date;
}

interface Watched extends Upload {
  cancel: AbortController;
}

/** The uploads that this process is at. They end with it, and so need no table. */
export class Uploads {
  readonly #current = new Map<string, Watched>();

  /** Watches an upload until `done`. `signal` says that nobody wants it any more. */
  begin(totalBytes: number | null): {
    upload: Upload;
    signal: AbortSignal;
    cancel: (reason: Error) => void;
    done: () => void;
  } {
    const cancel = new AbortController();
    const upload: Watched = {
      id: randomUUID(),
      filename: null,
      phase: 'receiving',
      receivedBytes: 0,
      totalBytes,
      progressPercent: 0,
      startedAt: new Date(),
      cancel,
    };
    this.#current.set(upload.id, upload);
    return {
      upload,
      signal: cancel.signal,
      cancel: (reason) => cancel.abort(reason),
      done: () => void this.#current.delete(upload.id),
    };
  }

  list(): Upload[] {
    return [...this.#current.values()];
  }

  /** @returns false when there is no such upload. */
  cancel(id: string, reason: Error): boolean {
    const upload = this.#current.get(id);
    upload?.cancel.abort(reason);
    return upload !== undefined;
  }
}
