import type { Env } from '../platform/env.ts';
import { ensureTrackerPython } from '../platform/python.ts';
import type { OrchestrationActivities } from '../workflows/contract.ts';
import type { NotificationActivities } from '../workflows/notifications/contract.ts';
import type { TrackerActivities } from '../workflows/trackers/contract.ts';
import { cancelDownload } from './base-models/cancel-download.ts';
import { abandonExport } from './exports/abandon-export.ts';
import { createSendNotification } from './notifications/send-notification.ts';
import { planPoolBalance, planPoolRestart, planPoolStart, planPoolStop } from './pool/plan-pool.ts';
import { awaitDownload } from './runs/await-download.ts';
import { describeRun } from './runs/describe-run.ts';
import { createFinishRun } from './runs/finish-run.ts';
import { createHasRoom, isPaused, setPause } from './runs/pause-run.ts';
import { createPrepareData } from './runs/prepare-data.ts';
import { createQueueRun } from './runs/queue-run.ts';
import { Turnstile } from './runs/turnstile.ts';
import { createVerifyModel } from './runs/verify-model.ts';
import { cancelSweep } from './sweeps/cancel-sweep.ts';
import { gatherRuns } from './sweeps/gather-runs.ts';
import { judgeRuns } from './sweeps/judge-runs.ts';
import { createDeliverFigures } from './trackers/deliver-figures.ts';

/** The activities of the queue `data`. */
export function createDataActivities(env: Env) {
  return { prepareData: createPrepareData(env), verifyModel: createVerifyModel(env) };
}

/** The activities of the queue `trackers`. */
export function createTrackerActivities(env: Env, onProgress: (line: string) => void): TrackerActivities {
  return { deliverFigures: createDeliverFigures(env, () => ensureTrackerPython({ env, onProgress })) };
}

/** The activities of the queue `line`. */
export function createLineActivities() {
  return { queueRun: createQueueRun(new Turnstile()), awaitDownload, gatherRuns };
}

/** The activities of the queue `notifications`. */
export function createNotificationActivities(env: Env): NotificationActivities {
  return { sendNotification: createSendNotification(env) };
}

/** The activities of the queue `orchestration`; those of `data` and `line` as well, for workflows that began before these were. */
export function createOrchestrationActivities(
  env: Env,
  line: ReturnType<typeof createLineActivities>,
): OrchestrationActivities {
  return {
    ...createDataActivities(env),
    ...line,
    setPause,
    isPaused,
    hasRoom: createHasRoom(env),
    finishRun: createFinishRun(env),
    describeRun,
    planPoolStart,
    planPoolStop,
    planPoolRestart,
    planPoolBalance,
    cancelDownload,
    judgeRuns,
    cancelSweep,
    abandonExport,
  };
}
