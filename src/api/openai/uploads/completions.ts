import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import pLimit from 'p-limit';
import { withNewFiles } from '../../../commands/datasets/storage.ts';
import { type CompletedUpload, completeUpload } from '../../../commands/openai/complete-upload.ts';
import { storeFile, type WholeFile } from '../../../commands/openai/store-file.ts';
import type { OpenAiUpload, OpenAiUploadPart } from '../../../models/openai/openai-upload.ts';
import type { Env } from '../../../platform/env.ts';
import { ConflictError, UserError } from '../../../platform/failure.ts';
import type { DiskRoom } from '../../datasets/disk-room.ts';
import { ReceivedFile } from '../../datasets/received-file.ts';

/** Each writes a file as large as its parts. */
const MOST_AT_ONCE = 4;
const READ_BYTES = 1024 ** 2;

interface UnderWay {
  fingerprint: string;
  outcome: Promise<CompletedUpload>;
  cancel: AbortController;
}

/** How an upload is to be completed. */
export interface Completion {
  id: string;
  /** In the order of the file. */
  partIds: string[];
  /** Of the file, in hexadecimal; null: it is not checked. */
  md5: string | null;
}

/**
 * The uploads that this process is putting together. It goes on when the client leaves, and who asks the same again waits for it: large files
 * take longer than clients wait for an answer.
 */
export class Completions {
  readonly #env: Env;
  readonly #room: DiskRoom;
  readonly #oneOfFew = pLimit(MOST_AT_ONCE);
  readonly #underWay = new Map<string, UnderWay>();

  constructor(env: Env, room: DiskRoom) {
    this.#env = env;
    this.#room = room;
  }

  /** @throws what completeUpload does; UserError for another md5; NoRoomError */
  async complete({ id, partIds, md5 }: Completion): Promise<CompletedUpload> {
    const fingerprint = createHash('sha256')
      .update(JSON.stringify([partIds, md5]))
      .digest('hex');
    const found = this.#underWay.get(id) ?? this.#begin({ id, partIds, md5 }, fingerprint);
    if (found.fingerprint !== fingerprint)
      throw new ConflictError(`The upload ${id} is being completed from other parts. Send this when that has ended.`);
    return await found.outcome;
  }

  /** What is being put together is not wanted any more. */
  cancel(id: string): void {
    this.#underWay.get(id)?.cancel.abort(new ConflictError(`The upload ${id} was cancelled.`));
  }

  #begin({ id, partIds, md5 }: Completion, fingerprint: string): UnderWay {
    const cancel = new AbortController();
    const outcome = this.#oneOfFew(() =>
      completeUpload({ id, partIds, fingerprint }, this.#env, (upload, parts, save) =>
        withNewFiles(this.#env, randomUUID(), async (files) => {
          const whole = await this.#putTogether(upload, parts, { dir: files.incoming, md5, signal: cancel.signal });
          return { answer: await storeFile(whole, files, { signal: cancel.signal }, save), isNamed: true };
        }),
      ),
    ).finally(() => this.#underWay.delete(id));
    const begun = { fingerprint, outcome, cancel };
    this.#underWay.set(id, begun);
    return begun;
  }

  /** Writes the parts into a file, one after the other. */
  async #putTogether(
    { bytes, filename, purpose, expires_after_s }: OpenAiUpload,
    parts: OpenAiUploadPart[],
    { dir, md5, signal }: { dir: string; md5: string | null; signal: AbortSignal },
  ): Promise<WholeFile> {
    const path = join(dir, randomUUID());
    const [sha256, otherHash] = [createHash('sha256'), md5 === null ? null : createHash('md5')];
    let written = 0;
    const content = contentOf(parts, (chunk) => {
      sha256.update(chunk);
      otherHash?.update(chunk);
      written += chunk.length;
    });
    const reservation = await this.#room.reserve(bytes);
    try {
      await pipeline(content, new ReceivedFile(path, reservation), { signal });
    } finally {
      reservation.end();
    }
    if (written !== bytes) throw new Error(`The parts on the disk have ${written} bytes; ${bytes} were received.`);
    const found = otherHash?.digest('hex') ?? null;
    if (md5 !== found)
      throw new UserError(
        `md5 is ${md5}, and the parts have ${found} in this order. Correct the order of part_ids, or send the parts again.`,
        { field: 'md5' },
      );
    return { path, filename, purpose, bytes, sha256: sha256.digest('hex'), expiresAfterS: expires_after_s };
  }
}

async function* contentOf(parts: OpenAiUploadPart[], onChunk: (chunk: Buffer) => void): AsyncGenerator<Buffer> {
  for (const { path } of parts)
    for await (const chunk of createReadStream(path, { highWaterMark: READ_BYTES }) as AsyncIterable<Buffer>) {
      onChunk(chunk);
      yield chunk;
    }
}
