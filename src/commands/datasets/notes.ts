import { randomUUID } from 'node:crypto';
import { open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { durableRename } from '../../platform/durable-files.ts';
import { processStart } from '../../platform/process-identity.ts';

/** A process that lives renews its notes so often; one that did not for so long is at them no more. */
const RENEW_EVERY_MS = 60_000;
const ABANDONED_AFTER_MS = 10 * RENEW_EVERY_MS;

/** Who wrote a note: a pid with its start names a process for good. */
const WriterSchema = z.object({ host: z.string(), pid: z.int(), start: z.string() });

/** The notes that a request of this process is at, with what they say. */
const held = new Map<string, string>();
let renewing: NodeJS.Timeout | undefined;

/** Writes a note and holds it: it is there also after a loss of power, and tells others that somebody is at it. */
export async function holdNote(path: string, host: string): Promise<void> {
  const content = JSON.stringify({ host, pid: process.pid, start: (await processStart(process.pid)) ?? '' });
  // Whole or not at all, also after a loss of power: of a note without its content nobody knows whose it is.
  // A note by itself, of files that nobody has: it is taken away like any other when its process is gone.
  const draft = join(dirname(path), `.draft-${randomUUID()}`);
  held.set(draft, content);
  held.set(path, content);
  renewing ??= setInterval(() => void renewAll(), RENEW_EVERY_MS).unref();
  try {
    await writeFile(draft, content);
    await durableRename(draft, path);
  } catch (error) {
    letGo(path);
    await rm(draft, { force: true });
    throw error;
  } finally {
    letGo(draft);
  }
}

/** The note stays: who comes next decides. */
export function letGo(path: string): void {
  held.delete(path);
  if (held.size > 0) return;
  clearInterval(renewing);
  renewing = undefined;
}

export async function removeNote(path: string): Promise<void> {
  await rm(path, { force: true });
  letGo(path);
}

async function renewAll(): Promise<void> {
  for (const [path, content] of held) {
    try {
      await renew(path, content);
    } catch {
      // Then it becomes old, and whoever is at it finds that it was taken.
    }
  }
}

/** A note that somebody took is not made again. */
async function renew(path: string, content: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.write(content, 0);
  } finally {
    await file.close();
  }
}

/**
 * What time it is for a disk, in ms: processes that share it may have other clocks than it and each other. It is what a
 * file gets that is written now.
 * @param clock a file that stays: one for each question would stay as well, of a process that is killed at it
 */
export async function timeOfDisk(clock: string): Promise<number> {
  await writeFile(clock, '1');
  return (await stat(clock)).mtimeMs;
}

/**
 * Whether nobody is at what a note tells of: its process is gone, or has let go of it, or has not renewed it for long.
 * @param now in ms, by the clock of the disk
 */
export async function isAbandoned(path: string, now: number, host: string): Promise<boolean> {
  if (held.has(path)) return false;
  const { mtimeMs } = await stat(path);
  return now - mtimeMs > ABANDONED_AFTER_MS || (await isOfNobody(path, host));
}

/** Of processes of this host it is known at once. */
async function isOfNobody(path: string, host: string): Promise<boolean> {
  const { success, data } = WriterSchema.safeParse(parsed(await readFile(path, 'utf8')));
  if (!success || data.host !== host) return false;
  return data.pid === process.pid || (await processStart(data.pid)) !== data.start;
}

/** Null for a note of an earlier version, or one that is being written. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
