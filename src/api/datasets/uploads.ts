import { randomUUID } from 'node:crypto';
import type { Context } from 'koa';
import type { DataProcessOptions } from '../../datasets/data-process.ts';
import { ApiError } from '../http/errors.ts';

/** Each takes a file descriptor, and room on the disk until its file is converted. */
export const MOST_AT_ONCE = 32;

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

interface Listed extends Upload {
  cancel: AbortController;
  isBeingSaved: boolean;
}

/** An upload that this process is at. */
export interface Watched {
  upload: Upload;
  /** Says that nobody wants it any more; after `beginSaving` nothing does. */
  signal: AbortSignal;
  /** All of it is here. @returns how its conversion is watched */
  beginConverting: (filename: string) => DataProcessOptions;
  /** @throws the reason of the signal */
  beginSaving: () => void;
}

/** The uploads that this process is at. They end with it, and so need no table. */
export class Uploads {
  readonly #current = new Map<string, Listed>();

  /**
   * Takes an upload, which is cancelled when its client goes away.
   * @throws ApiError 503 when there are too many; what `take` does
   */
  async watch<T>(ctx: Context, take: (watched: Watched) => Promise<T>): Promise<T> {
    if (this.#current.size >= MOST_AT_ONCE) {
      throw new ApiError(
        503,
        `${MOST_AT_ONCE} uploads are going on already (GET /datasets/uploads). Send this one when one of them has ended.`,
      );
    }
    const cancel = new AbortController();
    const upload: Listed = {
      id: randomUUID(),
      filename: null,
      phase: 'receiving',
      receivedBytes: 0,
      totalBytes: ctx.request.length ?? null,
      progressPercent: 0,
      startedAt: new Date(),
      cancel,
      isBeingSaved: false,
    };
    this.#current.set(upload.id, upload);
    ctx.res.once('close', () => void this.cancel(upload.id, new ApiError(400, 'The client closed the connection.')));
    try {
      return await take({
        upload,
        signal: cancel.signal,
        beginConverting: (filename) => {
          Object.assign(upload, { filename, phase: 'converting', progressPercent: 0 });
          const onProgress = (percent: number) => {
            upload.progressPercent = percent;
          };
          return { signal: cancel.signal, onProgress };
        },
        beginSaving: () => {
          cancel.signal.throwIfAborted();
          upload.isBeingSaved = true;
        },
      });
    } finally {
      this.#current.delete(upload.id);
    }
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
