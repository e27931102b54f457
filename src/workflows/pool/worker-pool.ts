import {
  ActivityFailure,
  ApplicationFailure,
  allHandlersFinished,
  condition,
  continueAsNew,
  proxyActivities,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import {
  balanceWorkersUpdate,
  FAILURE_TYPES,
  type HostActivities,
  type HostShare,
  hostQueue,
  ORCHESTRATION_QUEUE,
  type OrchestrationActivities,
  type PoolInput,
  restartAtOnceUpdate,
  restartWorkersUpdate,
  startWorkersUpdate,
  stopWorkersUpdate,
} from '../contract.ts';

type Plans = 'planPoolStart' | 'planPoolStop' | 'planPoolRestart' | 'planPoolBalance';

const plans = proxyActivities<Pick<OrchestrationActivities, Plans>>({
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
    heartbeatTimeout: '10s',
    // An agent that was killed is back before the second; one that is gone is not waited for any longer.
    retry: { maximumAttempts: 2 },
  });
}

const startShare = ({ host, workerIds }: HostShare) =>
  on(host).startWorkers.executeWithOptions({ summary: `Start ${workerIds.length} on ${host}` }, [{ workerIds }]);

const stopShare = ({ host, workerIds }: HostShare) =>
  on(host).stopWorkers.executeWithOptions({ summary: `Stop ${workerIds.length} on ${host}` }, [{ workerIds }]);

/** On all hosts at once. One that fails keeps none of the others from what they have to do. @throws the first failure */
async function onAll(shares: HostShare[], act: (share: HostShare) => Promise<void>): Promise<void> {
  const outcomes = await Promise.allSettled(shares.map(act));
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed) throw failed.reason;
}

async function start(count: number): Promise<void> {
  await onAll(await plans.planPoolStart({ count }), startShare);
}

async function stop(): Promise<HostShare[]> {
  const shares = await plans.planPoolStop();
  try {
    await onAll(shares, stopShare);
  } catch {
    // A host that has gone away meanwhile is not among them any more: it ends its workers when it is back.
    await onAll(await plans.planPoolStop(), stopShare);
  }
  return shares;
}

/**
 * One worker after another, each only when the one before has its successor: a version that does not start takes down one
 * place, not the pool. A host that is gone keeps the others from nothing.
 */
async function restartOneByOne(isStopAsked: () => boolean): Promise<void> {
  const gone = new Map<string, unknown>();
  for (const { host, ...replacement } of await plans.planPoolRestart()) {
    if (isStopAsked()) break;
    if (gone.has(host)) continue;
    try {
      const summary = `Replace ${replacement.workerId} on ${host}`;
      await on(host).replaceWorker.executeWithOptions({ summary }, [replacement]);
    } catch (error) {
      if (error instanceof ActivityFailure && error.cause instanceof ApplicationFailure) throw error;
      gone.set(host, error);
    }
  }
  for (const failure of gone.values()) throw failure;
}

async function balance(): Promise<void> {
  const { stop, start } = await plans.planPoolBalance();
  await onAll(stop, stopShare);
  await onAll(start, startShare);
}

/**
 * The only one that changes the worker pool. Its updates are taken one after another and answer when they are done. It
 * remembers nothing that is not in the database, so it can begin a new history whenever no update is under way.
 */
export async function workerPoolWorkflow(input: PoolInput = {}): Promise<void> {
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = last.then(work);
    last = turn.catch(() => undefined);
    return turn;
  };
  let stopsAsked = 0;
  setHandler(startWorkersUpdate, ({ count }) => inTurn(() => start(count)));
  setHandler(stopWorkersUpdate, async () => {
    stopsAsked += 1;
    await inTurn(stop);
  });
  setHandler(restartWorkersUpdate, () => {
    const stopsBefore = stopsAsked;
    return inTurn(() => restartOneByOne(() => stopsAsked > stopsBefore));
  });
  setHandler(restartAtOnceUpdate, () =>
    inTurn(async () => {
      const stopped = await stop();
      const count = stopped.reduce((sum, share) => sum + share.workerIds.length, 0);
      if (count > 0) await start(count);
    }),
  );
  setHandler(balanceWorkersUpdate, () => inTurn(balance));
  const isLong = () => {
    const { continueAsNewSuggested, historyLength } = workflowInfo();
    return continueAsNewSuggested || historyLength >= (input.mostHistoryEvents ?? Number.POSITIVE_INFINITY);
  };
  await condition(() => isLong() && allHandlersFinished());
  await continueAsNew<typeof workerPoolWorkflow>(input);
}
