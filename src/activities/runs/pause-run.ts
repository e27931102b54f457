import { ApplicationFailure } from '@temporalio/activity';
import { Checkpoint } from '../../models/runs/checkpoint.ts';
import { setPauseReason } from '../../models/runs/pause.ts';
import type { Env } from '../../platform/env.ts';
import { freeBytes } from '../../platform/files.ts';
import { runPaths } from '../../runs/run-paths.ts';
import {
  FAILURE_TYPES,
  PAUSE_WAS_ASKED,
  PAUSES_OF_SWEEP,
  type PauseCause,
  type PauseInput,
  type RunRef,
} from '../../workflows/contract.ts';
import { openRun } from './open-run.ts';

/** What a training needs beside two checkpoints: logs, events, and the disk's other users. */
const SPARE_BYTES = 256 * 1024 ** 2;
/** Reasons for which a run is paused until somebody, or its sweep, resumes it. */
const UNTIL_RESUMED = [PAUSE_WAS_ASKED, ...PAUSES_OF_SWEEP];

/** Writes whether the run is to be paused, and why. May run twice: the second time, the row says so already. */
export async function setPause({ runId, reason, from }: PauseInput): Promise<boolean> {
  const now = await setPauseReason(runId, reason, from, !PAUSES_OF_SWEEP.includes(reason));
  if (now === null) throw ApplicationFailure.nonRetryable('The run has ended.', FAILURE_TYPES.runEnded);
  return now.pause_reason === reason;
}

/** Whether the row says so, and for what. */
export async function isPaused({ runId }: RunRef): Promise<PauseCause | false> {
  const { pause_reason } = await openRun(runId);
  if (pause_reason === null) return false;
  return UNTIL_RESUMED.includes(pause_reason) ? 'asked' : 'full_disk';
}

/** Tells whether the disks that a run writes to have room again for two more of its checkpoints. Only reads. */
export function createHasRoom(env: Env) {
  return async function hasRoom({ runId }: RunRef): Promise<boolean> {
    const run = await openRun(runId);
    const largest: number | null = await Checkpoint.max('bytes', { where: { run_id: runId } });
    const needed = SPARE_BYTES + 2 * (largest ?? 0);
    const free = await Promise.all([runPaths(env, run).dir, run.spec.output_directory].map(freeBytes));
    return Math.min(...free) >= needed;
  };
}
