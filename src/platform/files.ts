import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, stat, statfs } from 'node:fs/promises';
import { constants } from 'node:os';
import { dirname, isAbsolute, relative } from 'node:path';

/** Names of errors by their numbers: also of those that Node calls unknown, such as ESTALE of a network disk. */
const ERRNO_NAMES = new Map(Object.entries(constants.errno).map(([name, number]) => [number as number, name]));

/** The code of an error of the operating system, such as ENOENT; null for every other error. */
export function errnoOf(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return null;
  if (typeof error.code !== 'string') return null;
  const number = 'errno' in error ? Math.abs(Number(error.errno)) : Number.NaN;
  return error.code.startsWith('Unknown') ? (ERRNO_NAMES.get(number) ?? error.code) : error.code;
}

/**
 * What a look at a file gives, or null where it is not there. Absent means ENOENT and nothing else: a disk with errors, or a
 * process without a descriptor to spare, says nothing about what is on it.
 */
export async function ifThere<T>(look: Promise<T>): Promise<T | null> {
  return await unless(['ENOENT'], look);
}

/**
 * Also of what is there and is no folder, may not be read or written by this process, or is a link that leads in a circle, and of
 * what cannot be a name.
 */
const NOT_USABLE = ['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'EROFS', 'ELOOP', 'ENAMETOOLONG', 'ERR_INVALID_ARG_VALUE'];

/** Whether a file call failed for what a person named, and not for the machine: a disk with errors says nothing about it. */
export function isNotUsable(error: unknown): boolean {
  return error instanceof Error && 'code' in error && NOT_USABLE.includes(String(error.code));
}

/** What a look gives at something of which a person wrote the name; null where it is of no use, whatever the reason. */
export async function ifUsable<T>(look: Promise<T>): Promise<T | null> {
  return await unless(NOT_USABLE, look);
}

async function unless<T>(codes: string[], look: Promise<T>): Promise<T | null> {
  try {
    return await look;
  } catch (error) {
    if (error instanceof Error && 'code' in error && codes.includes(String(error.code))) return null;
    throw error;
  }
}

/** Whether there is something at a path; a link to nothing is not. @throws what looking fails with, unless it is not there */
export async function exists(path: string): Promise<boolean> {
  return (await ifThere(stat(path))) !== null;
}

/** Whether a path is a root or below it, and not beside it with a name that only begins the same. Both as they are: no links. */
export function isWithin(path: string, root: string): boolean {
  const way = relative(root, path);
  return way !== '..' && !way.startsWith('../') && !isAbsolute(way);
}

/** The `count` bytes of a file from `start` on, or as many as it has there. */
export async function readBytes(path: string, count: number, start = 0): Promise<Buffer> {
  const file = await open(path);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(count), 0, count, start).finally(() => file.close());
  return buffer.subarray(0, bytesRead);
}

/** SHA-256 of a file, in hexadecimal. @throws what reading it fails with */
export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  // In chunks of 64 KiB, as a stream reads by itself, it takes three times as long.
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 ** 2 })) hash.update(chunk);
  return hash.digest('hex');
}

/**
 * All of the disk on which `path` is, or will be once it is made, and what its users may still write into new files. None where it
 * counts its files and has no place for another, however many bytes are free.
 */
export async function roomAt(path: string): Promise<{ bytes: number; free_bytes: number }> {
  try {
    const { blocks, bavail, bsize, files, ffree } = await statfs(path);
    return { bytes: blocks * bsize, free_bytes: files > 0 && ffree === 0 ? 0 : bavail * bsize };
  } catch (error) {
    const parent = dirname(path);
    if (errnoOf(error) !== 'ENOENT' || parent === path) throw error;
    return await roomAt(parent);
  }
}

/** What may still be written where `path` is, or will be. */
export async function freeBytes(path: string): Promise<number> {
  return (await roomAt(path)).free_bytes;
}

/** File systems that several machines may have at once, as statfs(2) numbers them: NFS, CIFS, SMB2, FUSE, 9P, Ceph, Lustre. */
const NETWORK_DISKS = [0x6969, 0xff534d42, 0xfe534d42, 0x65735546, 0x01021997, 0x00c36400, 0x0bd00bd0];

/** Whether other machines may use the disk of a path as well. */
export async function isNetworkDisk(path: string): Promise<boolean> {
  return process.platform === 'linux' && NETWORK_DISKS.includes((await statfs(path)).type >>> 0);
}

/** What is left free of a disk, for the database and runs that save their checkpoints. */
export const KEEP_FREE_BYTES = 256 * 1024 ** 2;

/** The disk has no room for what was asked for. */
export class NoRoomError extends Error {
  readonly code = 'ENOSPC';
}

/** @throws NoRoomError when so many bytes more would leave too little free of the disk on which `path` is, or will be. */
export async function requireRoom(path: string, bytes: number): Promise<void> {
  if (bytes > (await freeBytes(path)) - KEEP_FREE_BYTES) throw new NoRoomError(`There is no room at ${path}.`);
}

/**
 * Whether this is how a write ends for which the disk has no room. DuckDB has no code for it, only the system's words, or
 * its own: what it may put aside is bounded by what the disk had free.
 */
export function isDiskFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ('code' in error && error.code === 'ENOSPC') return true;
  return error.message.includes('No space left on device') || error.message.includes("'max_temp_directory_size'");
}
