import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { killGroup, startPython } from './python-process.ts';

const count = z.int().min(0);

const EventSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('resolved'), commit: z.string(), license: z.string().nullable() }),
  z.object({
    type: z.literal('progress'),
    bytes_done: count,
    bytes_total: count,
    files_done: count,
    files_total: count,
  }),
  z.object({
    type: z.literal('failed'),
    /** As trainer/platform/failures.py has it. */
    kind: z.string(),
    message: z.string(),
    needed_bytes: count.nullable(),
    retry_after_s: count.nullable(),
  }),
  z.object({ type: z.literal('done') }),
]);

/** What trainer/download_model.py tells. */
export type DownloadEvent = z.infer<typeof EventSchema>;
export type DownloadFailure = Extract<DownloadEvent, { type: 'failed' }>;

export interface DownloaderOptions {
  python: string;
  cache: string;
  /** Of this download alone; on the disk of the cache. */
  work: string;
  name: string;
  revision: string;
  commit: string | null;
  hubEndpoint: string;
  isHubOffline: boolean;
  logFile: string;
  onEvent: (event: DownloadEvent) => void;
}

export interface Downloader {
  /** Null: the model is in the cache. */
  ended: Promise<DownloadFailure | null>;
  /** At once. What it has received stays. */
  kill(): void;
}

/** Starts to fetch a model, from where an earlier start ended. */
export async function startDownloader(options: DownloaderOptions): Promise<Downloader> {
  const { python, cache, work, name, revision, commit, hubEndpoint, isHubOffline, logFile, onEvent } = options;
  const given = ['--cache', cache, '--work', work, '--name', name, '--revision', revision];
  await mkdir(dirname(logFile), { recursive: true });
  const child = await startPython({
    python,
    module: 'trainer.download_model',
    arguments: commit === null ? given : [...given, '--commit', commit],
    logFile,
    hasEvents: true,
    environment: { HF_ENDPOINT: hubEndpoint, HF_HUB_OFFLINE: isHubOffline ? '1' : '0' },
  });
  child.stdin.on('error', () => {});
  const { events } = child;
  if (!events) throw new Error('A downloader without events.');
  const follow = async (): Promise<DownloadFailure | null> => {
    let last: DownloadEvent | null = null;
    for await (const line of createInterface({ input: events })) {
      const event = eventIn(line);
      if (event === null) continue;
      last = event;
      onEvent(event);
    }
    const { code, signal } = await child.ended;
    if (last?.type === 'done') return null;
    if (last?.type === 'failed') return last;
    const how = signal ? `was ended by ${signal}` : `exited with code ${code}`;
    const message = `The program that fetches the model ${how} without a word; ${logFile} says more.`;
    return { type: 'failed', kind: 'crash', message, needed_bytes: null, retry_after_s: null };
  };
  return { ended: follow(), kill: () => killGroup(child.pid) };
}

/** Null for a line that was torn: its writer was killed in the middle of it. */
function eventIn(line: string): DownloadEvent | null {
  try {
    return EventSchema.parse(JSON.parse(line));
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
