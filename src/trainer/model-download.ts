import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { killGroup, startPython } from './python-process.ts';
import { followTold } from './told.ts';

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
  const ended = followTold(child, EventSchema, logFile, 'The program that fetches the model', onEvent).then((last) =>
    typeof last === 'string'
      ? ({ type: 'failed', kind: 'crash', message: last, needed_bytes: null, retry_after_s: null } as const)
      : last.type === 'failed'
        ? last
        : null,
  );
  return { ended, kill: () => killGroup(child.pid) };
}
