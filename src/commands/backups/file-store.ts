import { createHash, randomUUID } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { linkOrCopy } from '../../platform/durable-files.ts';
import { UserError } from '../../platform/failure.ts';
import { exists, freeBytes, ifThere, isDiskFull, KEEP_FREE_BYTES } from '../../platform/files.ts';
import { type BackedUpFile, BackupReader, type Stored } from './manifest.ts';
import type { Seal } from './sealing.ts';

const CHUNK_BYTES = 1024 ** 2;

/** What of an earlier backup may be taken over: files by their identity, and tables by their hash. */
export interface Earlier {
  folder: string;
  files: Map<string, Stored>;
}

/** An earlier backup as a source of what has not changed; null where it does not read, which costs a copy and nothing else. */
export async function earlierBackup(folder: string): Promise<Earlier | null> {
  try {
    const backup = await BackupReader.open(folder);
    const files = new Map<string, Stored>();
    for await (const file of backup.files()) if ('stored' in file) files.set(file.identity, file.stored);
    return { folder, files };
  } catch (error) {
    if (error instanceof UserError) return null;
    throw error;
  }
}

/**
 * The contents in a backup that is being made. Each lies there once, named by its hash, however many names it has; what an earlier backup
 * has is linked from there and not read again.
 */
export class FileStore {
  readonly #folder: string;
  readonly #earlier: Earlier | null;
  /** Where it is encrypted, names tell nothing, not even that two backups have the same content. */
  readonly #seal: Seal | null;
  readonly #signal: AbortSignal | undefined;
  readonly #byIdentity = new Map<string, Stored>();
  readonly #byHash = new Map<string, Stored>();
  #drafts = 0;
  /** Of the contents that no earlier backup had. */
  copiedBytes = 0;

  constructor(
    folder: string,
    { earlier, seal, signal }: { earlier: Earlier | null; seal: Seal | null; signal?: AbortSignal | undefined },
  ) {
    this.#folder = folder;
    this.#earlier = earlier;
    this.#seal = seal;
    this.#signal = signal;
  }

  /** Whether a file would have to be read. */
  hasToCopy(identity: string): boolean {
    return !this.#earlier?.files.has(identity) && !this.#byIdentity.has(identity);
  }

  /**
   * Takes a file, as long as it is when it is opened.
   * @returns null where it is not there, or is no file of its own (a link, a folder)
   */
  async add(path: string): Promise<BackedUpFile | null> {
    this.#signal?.throwIfAborted();
    // A link in its place leads to what the database does not name.
    const file = await ifFile(open(path, constants.O_RDONLY | constants.O_NOFOLLOW));
    if (file === null) return null;
    try {
      const found = await file.stat({ bigint: true });
      if (!found.isFile()) return null;
      const identity = identityOf(found);
      const about = { path, mode: Number(found.mode & 0o777n), mtime_ms: Number(found.mtimeMs), identity };
      const known = this.#byIdentity.get(identity) ?? (await this.#takeOver(identity));
      if (known) return { ...about, stored: known };
      const bytes = Number(found.size);
      await this.#requireRoom(bytes);
      // Up to its size of now: trainers write on into their record of events.
      const content =
        bytes === 0
          ? Readable.from([])
          : createReadStream(path, { fd: file, autoClose: false, end: bytes - 1, highWaterMark: CHUNK_BYTES });
      const stored = await this.#write(content, 'files');
      if (stored.bytes !== bytes) throw new Error(`${path} became shorter while it was read. Make the backup again.`);
      this.#byIdentity.set(identity, stored);
      return { ...about, stored };
    } finally {
      await file.close();
    }
  }

  /** Takes the rows of a table. */
  async addTable(rows: Readable): Promise<Stored> {
    return await this.#write(rows, 'database');
  }

  async #requireRoom(bytes: number): Promise<void> {
    const free = await freeBytes(this.#folder);
    if (bytes > free - KEEP_FREE_BYTES) throw noRoom(this.#folder, bytes, free);
  }

  /** What an earlier backup has of this content, under the same name here. */
  async #takeOver(identity: string): Promise<Stored | null> {
    const stored = this.#earlier?.files.get(identity);
    if (!this.#earlier || !stored) return null;
    if (!(await this.#linkEarlier(stored))) return null;
    this.#byIdentity.set(identity, stored);
    return stored;
  }

  async #linkEarlier(stored: Stored): Promise<boolean> {
    if (!this.#earlier) return false;
    const [source, target] = [this.#earlier.folder, this.#folder].map((folder) => join(folder, stored.blob)) as [
      string,
      string,
    ];
    if (await exists(target)) return true;
    // One that was cut short since is copied anew; what else may have become of it, `mtm restore` finds.
    if ((await ifThere(stat(source)))?.size !== stored.bytes) return false;
    await mkdir(dirname(target), { recursive: true });
    return (await ifThere(linkOrCopy(source, target).then(() => true))) ?? false;
  }

  async #write(content: AsyncIterable<Uint8Array>, kind: 'files' | 'database'): Promise<Stored> {
    const draft = join(this.#folder, `incoming-${this.#drafts++}`);
    const hash = createHash('sha256');
    let bytes = 0;
    const signal = this.#signal;
    const hashed = async function* () {
      for await (const chunk of content) {
        signal?.throwIfAborted();
        hash.update(chunk);
        bytes += chunk.length;
        yield chunk;
      }
    };
    const file = await open(draft, 'wx', 0o600);
    try {
      for await (const chunk of this.#seal ? await this.#seal.seal(hashed()) : hashed()) await file.writeFile(chunk);
      await file.sync();
    } catch (error) {
      if (isDiskFull(error)) throw noRoom(this.#folder, bytes, await freeBytes(this.#folder));
      throw error;
    } finally {
      await file.close();
    }
    return await this.#place(draft, { bytes, sha256: hash.digest('hex') }, kind);
  }

  /** Gives a draft its name, unless its content is there already, here or in an earlier backup. */
  async #place(draft: string, content: Omit<Stored, 'blob'>, kind: 'files' | 'database'): Promise<Stored> {
    const { sha256 } = content;
    const name = this.#seal ? randomUUID() : sha256;
    const stored = { blob: `${this.#seal ? 'files' : kind}/${name.slice(0, 2)}/${name}`, ...content };
    const same = this.#byHash.get(sha256) ?? ((await this.#linkEarlier(stored)) ? stored : null);
    this.#byHash.set(sha256, same ?? stored);
    if (same) {
      await rm(draft);
      return same;
    }
    const target = join(this.#folder, stored.blob);
    await mkdir(dirname(target), { recursive: true });
    await rename(draft, target);
    this.copiedBytes += stored.bytes;
    return stored;
  }
}

/** The same again: the same content. A file that is written to, or replaced, gets another. */
export function identityOf(found: {
  dev: bigint;
  ino: bigint;
  size: bigint;
  mtimeNs: bigint;
  ctimeNs: bigint;
}): string {
  return [found.dev, found.ino, found.size, found.mtimeNs, found.ctimeNs].join(':');
}

export function noRoom(folder: string, bytes: number, free: number): UserError {
  const size = (count: number) => `${(count / 1024 ** 2).toFixed(0)} MiB`;
  return new UserError(
    `There is no room for the backup: it takes ${size(bytes)} more at ${folder}, where ${size(free)} are free and ${size(KEEP_FREE_BYTES)} are left free. Remove older ones (--keep), or name a folder on another disk.`,
  );
}

/** Null for what is not there, and for a link (ELOOP, of O_NOFOLLOW). */
async function ifFile<T>(opening: Promise<T>): Promise<T | null> {
  try {
    return await ifThere(opening);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ELOOP') return null;
    throw error;
  }
}
