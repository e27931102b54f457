import type { Env } from '../env.ts';
import type { OrchestrationActivities } from '../workflows/contract.ts';
import { describeRun } from './describe-run.ts';
import { createFinishRun } from './finish-run.ts';
import { createHasRoom, isPaused, setPause } from './pause-run.ts';
import { planPoolBalance, planPoolRestart, planPoolStart, planPoolStop } from './plan-pool.ts';
import { createPrepareData } from './prepare-data.ts';
import { createQueueRun } from './queue-run.ts';
import { Turnstile } from './turnstile.ts';
import { createVerifyModel } from './verify-model.ts';

/** The activities of the queue `data`. */
export function createDataActivities(env: Env) {
  return { prepareData: createPrepareData(env), verifyModel: createVerifyModel(env) };
}

/** The activities of the queue `line`. */
export function createLineActivities() {
  return { queueRun: createQueueRun(new Turnstile()) };
}

/** The activities of the queue `orchestration`; those of `data` and `line` as well, for workflows that began before these were. */
export function createOrchestrationActivities(
  env: Env,
  line: Pick<OrchestrationActivities, 'queueRun'>,
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
  };
}
