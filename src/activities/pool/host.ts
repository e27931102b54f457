import { ApplicationFailure, Context } from '@temporalio/activity';
import { newWorker, Worker } from '../../models/pool/worker.ts';
import { connection } from '../../models/runs/run.ts';
import { FAILURE_TYPES, type HostActivities } from '../../workflows/contract.ts';

const LOOK_EVERY_MS = 200;

/** What makes the processes of this host what the table wants. */
interface HostProcesses {
  reconcile(): Promise<void>;
}

/**
 * What one host does: `others`, and starting and stopping its workers. For those the activities write what is wanted into the table and wait until it is so.
 * May run twice: ids come from the workflow, and wanting the same again changes nothing.
 */
export function createHostActivities(
  host: string,
  processes: HostProcesses,
  others: Pick<HostActivities, 'checkOutput' | 'downloadModel' | 'makeExport'>,
): HostActivities {
  return {
    async startWorkers({ workerIds }) {
      await Worker.bulkCreate(
        workerIds.map((id) => newWorker(id, host)),
        { ignoreDuplicates: true },
      );
      await until(processes, () => allStarted(workerIds));
    },
    async stopWorkers({ workerIds }) {
      await Worker.update({ desired: 'stopped' }, { where: { id: workerIds } });
      await until(processes, () => allEnded(workerIds));
    },
    async replaceWorker({ workerId, replacementId }) {
      // Both or neither: whatever dies now, the host ends with as many workers as it had.
      await connection().transaction(async (transaction) => {
        await Worker.update({ desired: 'stopped' }, { where: { id: workerId }, transaction });
        const replacement = newWorker(replacementId, host, workerId);
        await Worker.bulkCreate([replacement], { ignoreDuplicates: true, transaction });
      });
      await until(processes, async () => (await allEnded([workerId])) && (await allStarted([replacementId])));
    },
    ...others,
  };
}

/** @throws ApplicationFailure with the reason when one ended during its start: another is tried, more slowly. */
async function allStarted(workerIds: string[]): Promise<boolean> {
  const workers = await Worker.findAll({ where: { id: workerIds } });
  const dead = workers.find(({ status }) => status === 'error');
  if (dead) {
    throw ApplicationFailure.nonRetryable(
      `Worker ${dead.id} of host ${dead.host} ended during its start: ${dead.reason}`,
      FAILURE_TYPES.workerStartFailed,
    );
  }
  return workers.every(({ status, desired }) => status !== 'starting' || desired === 'stopped');
}

async function allEnded(workerIds: string[]): Promise<boolean> {
  return (await Worker.findAll({ where: { id: workerIds } })).every(({ pid }) => pid === null);
}

async function until(processes: HostProcesses, condition: () => Promise<boolean>): Promise<void> {
  const context = Context.current();
  await processes.reconcile();
  while (!(await condition())) {
    context.heartbeat();
    await context.sleep(LOOK_EVERY_MS);
  }
}
