import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { settledPool, shownWorkers } from './hosts.ts';
import { type Jobs, jobsOf } from './jobs.ts';
import { csvRows } from './rows.ts';
import { startServiceWithServers, type TestService } from './service.ts';

/** Pictures show paths and the host's name: neither is that of whoever takes them. */
const HOME = '/srv/mtm-demo';
const HOST = 'gpu-1';
/** Long enough to be under way while pictures are taken. */
const LONG = { epochs: 100 };

/** The jobs' ids. */
export type ShownRuns = Record<'completed' | 'failed' | 'paused' | 'interrupted' | 'underWay', number>;

/** A real service with five runs as a person may find them: under way, interrupted twice, paused, failed, completed. */
export async function startShownService(): Promise<{
  service: TestService;
  ids: ShownRuns;
  remove: () => Promise<void>;
}> {
  await rm(HOME, { recursive: true, force: true });
  const { service, remove } = await startServiceWithServers({
    home: HOME,
    hostName: HOST,
    outputRoots: [join(HOME, 'outputs')],
    modelCache: join(HOME, 'models'),
    ollamaStore: join(HOME, 'ollama'),
    trainerThreads: 1,
  });
  try {
    return { service, remove, ids: await bringRunsThere(service) };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function bringRunsThere(service: TestService): Promise<ShownRuns> {
  const jobs = jobsOf(service, Number((await service.upload('support-chats.csv', csvRows(800))).body.id));
  await service.call('POST', '/workers/', { action: 'start', worker_count: 2 });
  await settledPool(service, 2);
  const completed = await jobs.create({ name: 'Support tone', max_steps: 200, eval_steps: 20 });
  await jobs.ended(completed);
  const failed = await jobs.create({ name: 'Legal summaries', model_name: 'acme/base-7b' });
  await jobs.ended(failed);
  const paused = await jobs.create({ name: 'Chat style' });
  await jobs.atStep(paused, 30);
  await jobs.act(paused, 'pause');
  await jobs.paused(paused);
  const interrupted = await jobs.create({ name: 'Product names', ...LONG });
  await interruptTwice(service, jobs, interrupted);
  const underWay = await jobs.create({ name: 'Polite refusals', ...LONG });
  await jobs.atStep(underWay, 60);
  return { completed, failed, paused, interrupted, underWay };
}

async function interruptTwice(service: TestService, jobs: Jobs, id: number): Promise<void> {
  let last = '';
  for (const step of [40, 80]) {
    await jobs.atStep(id, step);
    await jobs.reached('at work', id, ({ status, worker_id }) => status === 'running' && worker_id !== last);
    const worker = (await shownWorkers(service)).find(({ current_job_id }) => current_job_id === id);
    assert.ok(worker?.pid, 'a worker trains it');
    process.kill(worker.pid, 'SIGKILL');
    last = worker.id;
  }
  await jobs.reached('at work', id, ({ status, worker_id }) => status === 'running' && worker_id !== last);
  await jobs.atStep(id, 120);
}
