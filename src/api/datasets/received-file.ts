import { type FileHandle, open } from 'node:fs/promises';
import { Writable } from 'node:stream';
import type { Reservation } from './disk-room.ts';

/** A file that is written as its room on the disk allows; whoever writes waits meanwhile. */
export class ReceivedFile extends Writable {
  readonly path: string;
  readonly #room: Reservation;
  #file: FileHandle | null = null;

  constructor(path: string, room: Reservation) {
    super();
    this.path = path;
    this.#room = room;
  }

  override _construct(done: (error?: Error | null) => void): void {
    open(this.path, 'w').then((file) => {
      this.#file = file;
      done();
    }, done);
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#append(chunk).then(() => done(), done);
  }

  async #append(chunk: Buffer): Promise<void> {
    await this.#room.beforeWriting(chunk.length);
    await this.#file?.writeFile(chunk);
    this.#room.wrote(chunk.length);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (this.#file === null) done(error);
    else this.#file.close().then(() => done(error), done);
  }
}
