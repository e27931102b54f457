import type { Env } from '../env.ts';
import type { OrchestrationActivities } from '../workflows/contract.ts';
import { describeRun } from './describe-run.ts';
import { createFinishRun } from './finish-run.ts';
import { createHasRoom, isPaused, setPause } from './pause-run.ts';
import { planPoolBalance, planPoolRestart, planPoolStart, planPoolStop } from './plan-pool.ts';
import { createPrepareData } from './prepare-data.ts';
import { queueRun } from './queue-run.ts';
import { createVerifyModel } from './verify-model.ts';

/** The activities of the queue `data`. */
export function createDataActivities(env: Env) {
  return { prepareData: createPrepareData(env), verifyModel: createVerifyModel(env) };
}

/** The activities of the queue `orchestration`; those of `data` as well, for workflows that began before it was one. */
export function createOrchestrationActivities(env: Env): OrchestrationActivities {
  return {
    ...createDataActivities(env),
    queueRun,
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
