import { ApplicationFailure, Context } from '@temporalio/activity';
import pLimit from 'p-limit';
import { removeFetched } from '../../base-models/fetched-files.ts';
import {
  beginDownload,
  completeDownload,
  endPauseForRoom,
  failDownload,
  noteDownloadTrouble,
  pauseForRoom,
} from '../../models/base-models/download-transitions.ts';
import { ModelDownload } from '../../models/base-models/model-download.ts';
import type { Env } from '../../platform/env.ts';
import { failureOf } from '../../platform/failure-of.ts';
import { freeBytes } from '../../platform/files.ts';
import { isDatabaseAway } from '../../platform/postgres/database-away.ts';
import type { DownloadFailure } from '../../trainer/model-download.ts';
import { type DownloadEnd, type DownloadRef, FAILURE_TYPES } from '../../workflows/contract.ts';
import { waitAfter } from '../failing.ts';
import { Attempt } from './download-attempt.ts';

/** How often it is looked whether a full disk has room again; more seldom where that had been too little. */
const FIRST_LOOK_MS = 3_000;
const LONGEST_BETWEEN_LOOKS_MS = 60_000;
const HEARTBEATS_IN_TIMEOUT = 3;
/** Of one host; the others are pending. More would share the same way to the hub, and have the disk write in more places. */
const MOST_AT_ONCE = 3;

/** What a paused one says in the Temporal Web UI. */
const PAUSED = 'It was paused. Its resumption begins another workflow.';

/**
 * Fetches a model into the cache of this host, or does what else its row asks for: waits for room, ends, or removes what was
 * fetched. May run twice, also at the same time: what is on the disk makes it short, and the program that fetches waits until no
 * other one is at the same download.
 */
export function createDownloadModel(env: Env, python: () => Promise<string>) {
  const oneOfFew = pLimit(MOST_AT_ONCE);
  return async function downloadModel({ downloadId }: DownloadRef): Promise<DownloadEnd> {
    const context = Context.current();
    let shown: object | undefined;
    const beat = setInterval(
      () => context.heartbeat(shown),
      (context.info.heartbeatTimeoutMs ?? 30_000) / HEARTBEATS_IN_TIMEOUT,
    );
    const show = (details: object) => {
      shown = details;
      context.heartbeat(details);
    };
    let neededBytes = 0;
    let lookAfterMs = FIRST_LOOK_MS;
    try {
      for (;;) {
        const download = await ModelDownload.findByPk(downloadId, { rejectOnEmpty: true });
        const { key } = download;
        if (download.status === 'cancelled') return await cleaned(download, env);
        if (download.status === 'paused' && download.pause_cause === 'full_disk') {
          await context.sleep(lookAfterMs);
          lookAfterMs = Math.min(2 * lookAfterMs, LONGEST_BETWEEN_LOOKS_MS);
          if ((await freeBytes(env.modelCache)) >= neededBytes) await endPauseForRoom(downloadId);
          continue;
        }
        if (download.status === 'paused') return { status: 'paused', message: PAUSED };
        if (download.status === 'completed') {
          await removeFetched(env.modelCache, key);
          return endOf(download);
        }
        if (download.status === 'failed') return endOf(download);
        const outcome = await oneOfFew(async () => {
          if (!(await beginDownload(downloadId))) return 'not wanted';
          return await new Attempt({ env, python: await python(), download, show }).run(context.cancellationSignal);
        });
        if (outcome === 'not wanted') continue;
        if (outcome === 'done') {
          await completeDownload(downloadId);
          continue;
        }
        if (outcome.kind === 'disk_full') {
          neededBytes = outcome.needed_bytes ?? 0;
          show({ waiting_for: outcome.message });
          await pauseForRoom(downloadId, outcome.message);
          continue;
        }
        await refuseOrRetry(download, outcome, env);
      }
    } catch (error) {
      const isToldAlready = error instanceof ApplicationFailure || context.cancellationSignal.aborted;
      if (isToldAlready || isDatabaseAway(error)) throw error;
      // The machine is not as it must be: no Python, a folder that may not be written.
      throw await toBeTriedAgain(downloadId, failureOf(error).sentence);
    } finally {
      clearInterval(beat);
    }
  };
}

/** @throws ApplicationFailure, unless somebody asked for something else meanwhile */
async function refuseOrRetry(
  { id, key }: ModelDownload,
  { kind, message, retry_after_s }: DownloadFailure,
  env: Env,
): Promise<void> {
  if (kind === 'bad_input') {
    const failed = await failDownload(id, message);
    if (!failed) return;
    // What it has fetched stays for its resumption.
    if (failed.bytes_done === 0) await removeFetched(env.modelCache, key);
    throw ApplicationFailure.nonRetryable(message, FAILURE_TYPES.modelUnavailable);
  }
  throw await toBeTriedAgain(id, message, retry_after_s ?? 0);
}

/** Its row says why it waits. */
async function toBeTriedAgain(id: number, message: string, leastWaitS = 0): Promise<ApplicationFailure> {
  const attempts = await noteDownloadTrouble(id, message);
  const nextRetryDelay = Math.max(waitAfter(attempts), 1_000 * leastWaitS);
  return ApplicationFailure.create({ message, type: 'Waiting', nextRetryDelay });
}

async function cleaned({ id, key }: ModelDownload, env: Env): Promise<DownloadEnd> {
  await removeFetched(env.modelCache, key);
  await ModelDownload.update({ cleaned_at: new Date() }, { where: { id } });
  return { status: 'cancelled', message: 'It was cancelled; what it had fetched is removed.' };
}

function endOf({ status, name, commit, error_message }: ModelDownload): DownloadEnd {
  if (status === 'failed') return { status, message: error_message ?? '' };
  return { status: 'completed', message: `${name} is in the cache, as commit ${commit}.` };
}
