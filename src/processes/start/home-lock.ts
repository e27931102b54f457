import { type FileHandle, open, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { tryLock } from 'fs-native-extensions';
import { z } from 'zod';
import { ifThere } from '../../platform/files.ts';

const LOOK_EVERY_MS = 2_000;
/** A start that was asked for right after another one's end waits for it so long. */
const WAIT_FOR_END_MS = 6_000;
const TRY_EVERY_MS = 250;

const OwnerSchema = z.object({ pid: z.number(), host: z.string(), since: z.string() });

/** The right to run the service with a home. */
export interface HomeLock {
  /** Whether it still is ours: the file may have been removed, and another one locked in its place. */
  isHeld(): Promise<boolean>;
  /** Calls `onLost` once when it is not. */
  watch(onLost: () => void): void;
  release(): Promise<void>;
}

/**
 * One service per MTM_HOME. The kernel keeps the lock, not a clock: it is released when this process dies, however it dies,
 * and nobody can take it from one that merely stood still (stopped, swapped out, a laptop that slept).
 * @param waitMs how long another one may still take to end
 * @throws Error that names who has it, or why the file system gives no locks
 */
export async function lockHome(home: string, waitMs = WAIT_FOR_END_MS): Promise<HomeLock> {
  const path = join(home, 'home.lock');
  const deadline = performance.now() + waitMs;
  for (;;) {
    const file = await open(path, 'a+');
    if (lock(file, home) && (await isFileAt(path, file))) {
      await file.truncate();
      await file.write(`${JSON.stringify({ pid: process.pid, host: hostname(), since: new Date().toISOString() })}\n`);
      return held(path, file);
    }
    await file.close();
    if (performance.now() > deadline) throw new Error(await sentenceFor(path, home));
    await new Promise((resolve) => setTimeout(resolve, TRY_EVERY_MS));
  }
}

function lock(file: FileHandle, home: string): boolean {
  try {
    return tryLock(file.fd);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(
      `The file system of ${home} gives no locks (${why}), so two services could run on the same data. Set MTM_HOME to a folder on a disk of this machine.`,
    );
  }
}

/** Whether the file that is open is the one at this path, which somebody may have removed or replaced. */
async function isFileAt(path: string, file: FileHandle): Promise<boolean> {
  const [there, ours] = await Promise.all([ifThere(stat(path)), file.stat()]);
  return there !== null && there.ino === ours.ino && there.dev === ours.dev;
}

function held(path: string, file: FileHandle): HomeLock {
  let timer: NodeJS.Timeout | undefined;
  const isHeld = () => isFileAt(path, file);
  return {
    isHeld,
    watch: (onLost) => {
      timer = setInterval(() => {
        // A disk that does not answer says nothing about the lock, which the kernel keeps.
        void isHeld().then(
          (is) => {
            if (is) return;
            clearInterval(timer);
            onLost();
          },
          () => {},
        );
      }, LOOK_EVERY_MS);
      timer.unref();
    },
    release: async () => {
      clearInterval(timer);
      await file.close();
    },
  };
}

async function sentenceFor(path: string, home: string): Promise<string> {
  const remedy = 'End it, or set MTM_HOME to another folder.';
  const file = await open(path);
  try {
    const { pid, host, since } = OwnerSchema.parse(JSON.parse(await file.readFile('utf8')));
    return `Another start of the service uses ${home}: process ${pid} of ${host}, since ${since}. ${remedy}`;
  } catch {
    return `Another start of the service uses ${home}. ${remedy}`;
  } finally {
    await file.close();
  }
}
