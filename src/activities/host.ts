import { ApplicationFailure, Context } from '@temporalio/activity';
import { Worker } from '../models/worker.ts';
import type { WorkerProcesses } from '../workers/worker-processes.ts';
import { newWorker } from '../workers/worker-processes.ts';
import type { HostActivities } from '../workflows/contract.ts';

const LOOK_EVERY_MS = 200;

/**
 * Starting and stopping workers of one host: the activities write what is wanted into the table and wait until it is so.
 * May run twice: ids come from the workflow, and wanting the same again changes nothing.
 */
export function createHostActivities(
  host: string,
  processes: WorkerProcesses,
  checkOutput: HostActivities['checkOutput'],
): HostActivities {
  return {
    async startWorkers({ workerIds }) {
      await Worker.bulkCreate(
        workerIds.map((id) => newWorker(id, host)),
        { ignoreDuplicates: true },
      );
      await until(processes, async () => {
        const workers = await Worker.findAll({ where: { id: workerIds } });
        const dead = workers.find(({ status }) => status === 'error');
        if (dead) {
          throw ApplicationFailure.nonRetryable(
            `Worker ${dead.id} ended during its start: see logs/${dead.id}.log in MTM_HOME on host ${host}.`,
            'WorkerStartFailed',
          );
        }
        return workers.every(({ status }) => status !== 'starting');
      });
    },
    async stopWorkers({ workerIds }) {
      await Worker.update({ desired: 'stopped' }, { where: { id: workerIds } });
      await until(processes, async () =>
        (await Worker.findAll({ where: { id: workerIds } })).every(({ pid }) => pid === null),
      );
    },
    checkOutput,
  };
}

async function until(processes: WorkerProcesses, condition: () => Promise<boolean>): Promise<void> {
  const context = Context.current();
  await processes.reconcile();
  while (!(await condition())) {
    context.heartbeat();
    await context.sleep(LOOK_EVERY_MS);
  }
}
