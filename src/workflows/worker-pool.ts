import {
  allHandlersFinished,
  condition,
  continueAsNew,
  proxyActivities,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import {
  FAILURE_TYPES,
  type HostActivities,
  type HostShare,
  hostQueue,
  ORCHESTRATION_QUEUE,
  type OrchestrationActivities,
  restartWorkersUpdate,
  startWorkersUpdate,
  stopWorkersUpdate,
} from './contract.ts';

const plans = proxyActivities<Pick<OrchestrationActivities, 'planPoolStart' | 'planPoolStop'>>({
  taskQueue: ORCHESTRATION_QUEUE,
  startToCloseTimeout: '20s',
  retry: { maximumAttempts: 5, nonRetryableErrorTypes: [FAILURE_TYPES.poolRefused] },
});

/** A host that does not take the task in time is away: say so rather than wait for it. */
function on(host: string) {
  return proxyActivities<HostActivities>({
    taskQueue: hostQueue(host),
    scheduleToStartTimeout: '15s',
    startToCloseTimeout: '5 minutes',
    heartbeatTimeout: '20s',
    retry: { maximumAttempts: 3 },
  });
}

async function start(count: number): Promise<void> {
  const shares = await plans.planPoolStart({ count });
  await Promise.all(
    shares.map(({ host, workerIds }) =>
      on(host).startWorkers.executeWithOptions({ summary: `Start ${workerIds.length} on ${host}` }, [{ workerIds }]),
    ),
  );
}

async function stop(): Promise<HostShare[]> {
  const shares = await plans.planPoolStop();
  await Promise.all(
    shares.map(({ host, workerIds }) =>
      on(host).stopWorkers.executeWithOptions({ summary: `Stop ${workerIds.length} on ${host}` }, [{ workerIds }]),
    ),
  );
  return shares;
}

/** The only one that changes the worker pool. Its updates are taken one after another and answer when they are done. */
export async function workerPoolWorkflow(): Promise<void> {
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = last.then(work);
    last = turn.catch(() => undefined);
    return turn;
  };
  setHandler(startWorkersUpdate, ({ count }) => inTurn(() => start(count)));
  setHandler(stopWorkersUpdate, () =>
    inTurn(async () => {
      await stop();
    }),
  );
  setHandler(restartWorkersUpdate, () =>
    inTurn(async () => {
      const stopped = await stop();
      const count = stopped.reduce((sum, share) => sum + share.workerIds.length, 0);
      if (count > 0) await start(count);
    }),
  );
  await condition(() => workflowInfo().continueAsNewSuggested && allHandlersFinished());
  await continueAsNew<typeof workerPoolWorkflow>();
}
