import pLimit from 'p-limit';
import { freeBytes, KEEP_FREE_BYTES, NoRoomError } from '../../platform/files.ts';

/** By so much the room of an upload grows whose length the client does not say. */
const STEP_BYTES = 8 * 1024 ** 2;
/** Others write to the disk as well: it is looked at again whenever so much has been written. */
const LOOK_EVERY_BYTES = 64 * 1024 ** 2;

/**
 * Gives uploads their room on a disk, so that all of them together leave free what is kept free. What was given and is
 * not written yet is counted here; what is written, the disk counts.
 */
export class DiskRoom {
  readonly #dir: string;
  /** One look after another: two that look at the same time would both take what is there once. */
  readonly #inTurn = pLimit(1);
  #unwrittenBytes = 0;

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** @throws NoRoomError */
  async reserve(bytes: number): Promise<Reservation> {
    await this.give(bytes);
    return new Reservation(this, bytes);
  }

  /** @throws NoRoomError when so much more would leave too little free */
  async give(bytes: number): Promise<void> {
    await this.#inTurn(async () => {
      // As it was before the look: what is written meanwhile counts twice then, and not as free.
      const unwrittenBytes = this.#unwrittenBytes;
      const free = await freeBytes(this.#dir);
      if (free - unwrittenBytes - bytes < KEEP_FREE_BYTES) throw new NoRoomError(`There is no room at ${this.#dir}.`);
      this.#unwrittenBytes += bytes;
    });
  }

  /** What was given is written now, or will not be written any more. */
  take(bytes: number): void {
    this.#unwrittenBytes -= bytes;
  }
}

/** The room of one upload. */
export class Reservation {
  readonly #room: DiskRoom;
  #unwrittenBytes: number;
  #unseenBytes = 0;
  #isOver = false;

  constructor(room: DiskRoom, bytes: number) {
    this.#room = room;
    this.#unwrittenBytes = bytes;
  }

  /** To be waited for before so many bytes are written. @throws NoRoomError */
  async beforeWriting(bytes: number): Promise<void> {
    const missing = bytes - this.#unwrittenBytes;
    const more = missing > 0 ? Math.max(missing, STEP_BYTES) : 0;
    if (more === 0 && this.#unseenBytes < LOOK_EVERY_BYTES) return;
    this.#unseenBytes = 0;
    await this.#room.give(more);
    this.#unwrittenBytes += more;
    // It was given up meanwhile.
    if (this.#isOver) this.end();
  }

  wrote(bytes: number): void {
    if (this.#isOver) return;
    this.#unseenBytes += bytes;
    this.#unwrittenBytes -= bytes;
    this.#room.take(bytes);
  }

  /** Nothing more is written. What was being written at that moment may still be told. */
  end(): void {
    this.#isOver = true;
    this.#room.take(this.#unwrittenBytes);
    this.#unwrittenBytes = 0;
  }
}
