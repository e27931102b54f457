import { randomUUID } from 'node:crypto';
import { ApiError } from '../http/errors.ts';

/** Each takes a file descriptor, and room on the disk until its file is converted. */
const MOST_AT_ONCE = 32;

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
  isBeingSaved: boolean;
}

/** The uploads that this process is at. They end with it, and so need no table. */
export class Uploads {
  readonly #current = new Map<string, Watched>();

  /**
   * Watches an upload until `done`. `signal` says that nobody wants it any more; after `beginSaving` nothing does.
   * @throws ApiError 503 when there are too many
   */
  begin(totalBytes: number | null): {
    upload: Upload;
    signal: AbortSignal;
    cancel: (reason: Error) => void;
    /** @throws the reason of the signal */
    beginSaving: () => void;
    done: () => void;
  } {
    if (this.#current.size >= MOST_AT_ONCE) {
      throw new ApiError(
        503,
        `${MOST_AT_ONCE} uploads are going on already (GET /datasets/uploads). Send this one when one of them has ended.`,
      );
    }
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
      isBeingSaved: false,
    };
    this.#current.set(upload.id, upload);
    return {
      upload,
      signal: cancel.signal,
      cancel: (reason) => void this.cancel(upload.id, reason),
      beginSaving: () => {
        cancel.signal.throwIfAborted();
        upload.isBeingSaved = true;
      },
      done: () => void this.#current.delete(upload.id),
    };
  }

  list(): Upload[] {
    return [...this.#current.values()];
  }

  /** Whether it was cancelled, is being saved as a dataset already, or is not there. */
  cancel(id: string, reason: Error): 'cancelled' | 'too late' | 'unknown' {
    const upload = this.#current.get(id);
    if (!upload) return 'unknown';
    if (upload.isBeingSaved) return 'too late';
    upload.cancel.abort(reason);
    return 'cancelled';
  }
}
