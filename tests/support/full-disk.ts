import assert from 'node:assert/strict';
import type { WorkflowClient } from '@temporalio/client';
import { processStart } from '../../src/platform/process-identity.ts';
import type { Jobs } from './jobs.ts';
import { type TestService, until } from './service.ts';
import type { SmallDisk } from './small-disk.ts';
import { trainerOf } from './trainers.ts';

/**
 * Fills the disk under the job that trains, and asks for a pause once its trainer has ended for that, before its worker
 * hears of either. Returns when the job is paused, and its workflow knows why the training gave way.
 */
export async function pauseWhenFull(
  { service, jobs, workflows, disk }: { service: TestService; jobs: Jobs; workflows: WorkflowClient; disk: SmallDisk },
  id: number,
): Promise<void> {
  const worker = await busyWorker(service);
  const trainer = await trainerOf(service.env.home);
  process.kill(worker, 'SIGSTOP');
  try {
    await disk.fill();
    await until('the trainer to end', async () => ((await processStart(trainer)) === null ? true : null));
    assert.equal((await jobs.act(id, 'pause')).status, 200);
  } finally {
    process.kill(worker, 'SIGCONT');
  }
  await jobs.paused(id);
  await until('the workflow to hear that its training gave way', async () => {
    const { raw } = await workflows.getHandle(`job-${id}-run-1`).describe();
    return raw.pendingActivities?.length || raw.pendingWorkflowTask ? null : true;
  });
}

/** The process of the worker that trains. */
async function busyWorker(service: TestService): Promise<number> {
  const { workers } = (await service.call('GET', '/workers/')).body as { workers: { pid: number; status: string }[] };
  const busy = workers.find(({ status }) => status === 'busy');
  if (!busy) throw new Error('No worker is busy.');
  return busy.pid;
}
