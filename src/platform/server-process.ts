import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { z } from 'zod';
import { ifThere, isNetworkDisk } from './files.ts';
import { processStart } from './process-identity.ts';

const LOOK_EVERY_MS = 50;

/** A server that we started, found again by a later start even when we were killed: its pid and start time are in a file. */
export interface ServerProcess {
  pid: number;
  /** Resolves when it has ended, for whatever reason. */
  ended: Promise<void>;
}

/** Starts a server in a session of its own, so that a Ctrl-C at the terminal reaches us alone and we choose the order. */
export async function startServerProcess(options: {
  command: string;
  args: string[];
  logFile: string;
  pidFile: string;
  cwd?: string;
}): Promise<ServerProcess> {
  await mkdir(dirname(options.logFile), { recursive: true });
  const log = openSync(options.logFile, 'a');
  try {
    const child = spawn(options.command, options.args, {
      detached: true,
      stdio: ['ignore', log, log],
      cwd: options.cwd,
    });
    const ended = new Promise<void>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', () => resolve());
    });
    ended.catch(() => {});
    if (child.pid === undefined) {
      await ended;
      throw new Error(`${options.command} could not be started.`);
    }
    const note = { pid: child.pid, start: await processStart(child.pid), host: hostname() };
    await writeFile(options.pidFile, JSON.stringify(note satisfies ServerNote));
    return { pid: child.pid, ended };
  } finally {
    closeSync(log);
  }
}

/** What a start notes of a server. Notes of earlier versions have no host. */
const ServerNoteSchema = z.object({
  pid: z.number(),
  start: z.string().nullable(),
  host: z.string().default(hostname()),
});
export type ServerNote = z.infer<typeof ServerNoteSchema>;

/** Null where there is none, or it was cut short: the process that it names is not known then. */
export async function readServerNote(pidFile: string): Promise<ServerNote | null> {
  const text = await ifThere(readFile(pidFile, 'utf8'));
  try {
    return ServerNoteSchema.parse(JSON.parse(text ?? ''));
  } catch {
    return null;
  }
}

/**
 * Two servers on the same files destroy them, and of another host's processes nothing is known here.
 * @throws Error where a server was last started on another host, on a disk that both may have
 */
export async function requireNotElsewhere({ host }: ServerNote, what: string, pidFile: string): Promise<void> {
  if (host === hostname() || !(await isNetworkDisk(dirname(pidFile)))) return;
  throw new Error(
    `${what} was last started on ${host}, and may still run there. End the service on ${host}; if that machine is gone for good, remove ${pidFile}.`,
  );
}

/** Ends a server that an earlier start of ours left behind. Leaves alone whatever else has its pid by now. */
export async function endLeftover(pidFile: string, what: string): Promise<boolean> {
  const note = await readServerNote(pidFile);
  if (note === null) return false;
  await requireNotElsewhere(note, what, pidFile);
  const { pid, start } = note;
  if (start !== null && (await processStart(pid)) === start) await endProcess(pid, start, 5_000);
  await rm(pidFile, { force: true });
  return true;
}

/** SIGTERM, then SIGKILL after `graceMs`; returns when the process is gone. */
export async function endProcess(pid: number, start: string | null, graceMs: number): Promise<void> {
  const isThere = async () => start !== null && (await processStart(pid)) === start;
  const signal = (name: NodeJS.Signals) => {
    try {
      process.kill(pid, name);
    } catch {
      // Gone already.
    }
  };
  if (!(await isThere())) return;
  signal('SIGTERM');
  const deadline = performance.now() + graceMs;
  while (await isThere()) {
    if (performance.now() > deadline) signal('SIGKILL');
    await after(LOOK_EVERY_MS);
  }
}
