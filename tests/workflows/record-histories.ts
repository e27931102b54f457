/**
 * `node --import tsx tests/workflows/record-histories.ts [NAME...]`: runs the paths of the workflows against the real
 * service and stores their histories (all, or those that are named) beside this file, to be replayed by replay.test.ts
 * after later changes. Files that are not written here are of paths of earlier versions.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { PROJECT_ROOT } from '../../src/platform/env.ts';
import { ensureTemporalCli } from '../../src/platform/temporal/temporal-cli.ts';
import { WORKER_POOL_ID } from '../../src/workflows/contract.ts';
import { searchAttributeKeys } from '../../temporal/search-attributes.ts';
import { pauseWhenFull } from '../support/full-disk.ts';
import { settledPool } from '../support/hosts.ts';
import { Hub } from '../support/hub.ts';
import { jobsOf } from '../support/jobs.ts';
import { tinyModelFiles } from '../support/model-downloads.ts';
import { csvRows } from '../support/rows.ts';
import { startTestService, temporalClientOf, until } from '../support/service.ts';
import { createWithShortHistory } from '../support/short-history.ts';
import { onSmallDisk } from '../support/small-disk.ts';

const DIR = join(PROJECT_ROOT, 'tests', 'workflows', 'histories');

// A lease that holds while pauseWhenFull keeps its worker stopped.
const hub = await Hub.start();
const { service, remove } = await startTestService({ heartbeatTimeoutMs: 12_000, hubEndpoint: hub.url });
const client = await temporalClientOf(service);
try {
  await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
  const jobs = jobsOf(service, Number((await service.upload('rows.csv', csvRows(200))).body.id));

  const completed = await jobs.create();
  await jobs.ended(completed);
  const failed = await jobs.create({ model_name: 'none/such' });
  await jobs.ended(failed);
  const cancelled = await jobs.create({ epochs: 100 });
  await jobs.atStep(cancelled, 3);
  await jobs.act(cancelled, 'cancel');

  hub.add('org/fetched', await tinyModelFiles(service.env));
  hub.sendUpTo(100_000);
  const downloaded = await jobs.create({ model_name: 'org/fetched', download: true, max_steps: 4 });
  await jobs.reached('its download', downloaded, ({ phase }) => phase === 'downloading_model');
  await jobs.act(downloaded, 'pause');
  await jobs.paused(downloaded);
  await jobs.act(downloaded, 'resume');
  await jobs.reached('its download', downloaded, ({ phase }) => phase === 'downloading_model');
  hub.sendUpTo(Number.POSITIVE_INFINITY);
  await jobs.ended(downloaded);

  const paused = await jobs.create();
  await jobs.atStep(paused, 30);
  await jobs.act(paused, 'pause');
  await jobs.paused(paused);
  await until('its workflow to look at the row', async () => {
    const { events } = await client.workflow.getHandle(`job-${paused}-run-1`).fetchHistory();
    const asked = events?.map((event) => event.activityTaskScheduledEventAttributes?.activityType?.name);
    return asked?.includes('isPaused') ? true : null;
  });
  await jobs.act(paused, 'resume');
  await jobs.ended(paused);

  // Its first history ends when it is continued as new.
  const continued = await createWithShortHistory(service, client, jobs, 80);
  const first = (await client.workflow.getHandle(`job-${continued}-run-1`).describe()).runId;
  const lookAt = async () => await client.workflow.getHandle(`job-${continued}-run-1`).describe();
  await jobs.atStep(continued, 10);
  while ((await lookAt()).runId === first) {
    for (const [action, isPaused] of [
      ['pause', true],
      ['resume', false],
    ] as const) {
      await jobs.act(continued, action);
      await until(`the workflow to ${action}`, async () => {
        const { runId, typedSearchAttributes } = await lookAt();
        return runId !== first || (typedSearchAttributes.get(searchAttributeKeys.status) === 'paused') === isPaused
          ? true
          : null;
      });
    }
  }
  await jobs.ended(continued);

  let onFullDisk = 0;
  await onSmallDisk(join(service.env.home, 'runs'), '400m', async (disk) => {
    onFullDisk = await jobs.create();
    await jobs.atStep(onFullDisk, 10);
    await disk.fill();
    await jobs.paused(onFullDisk);
    await disk.resize('400m');
    await jobs.reached('running', onFullDisk, ({ status }) => status === 'running');
    await jobs.atStep(onFullDisk, 60);
    await pauseWhenFull({ service, jobs, workflows: client.workflow, disk }, onFullDisk);
    await disk.resize('400m');
    await jobs.act(onFullDisk, 'resume');
    await jobs.ended(onFullDisk);
  });
  let withoutData = 0;
  await onSmallDisk(join(service.env.home, 'runs'), '4k', async (disk) => {
    withoutData = await jobs.create({ max_steps: 4 });
    await jobs.paused(withoutData);
    await disk.resize('400m');
    await jobs.ended(withoutData);
  });
  if (!onFullDisk || !withoutData) throw new Error('A history needs a full disk.');

  await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
  await settledPool(service);
  await service.call('POST', '/workers/', { action: 'restart' });
  await settledPool(service);
  const workers = async () => (await service.call('GET', '/workers/')).body.total_workers;
  await service.call('PATCH', '/config/', { max_concurrent_workers: 1 });
  await until('one worker to be drained', async () => ((await workers()) === 1 ? true : null));
  await service.call('POST', '/workers/', { action: 'stop' });
  await settledPool(service);
  await service.call('PATCH', '/config/', { auto_start_workers: true });
  await jobs.ended(await jobs.create({ epochs: 1 }));
  await service.call('POST', '/workers/', { action: 'stop' });
  await settledPool(service);

  // What is stored names no folder of the machine it was recorded on; payloads are base64.
  const withoutPaths = (text: string) =>
    text.replaceAll(service.env.home, '/srv/mtm').replaceAll(PROJECT_ROOT, '/srv/app');
  const toBase64 = (text: string) => Buffer.from(text).toString('base64');

  const cli = await ensureTemporalCli(service.env.toolsDir, console.log);
  await mkdir(DIR, { recursive: true });
  for (const [name, workflowId, runId] of [
    ['stages-completed', `job-${completed}-run-1`],
    ['stages-failed', `job-${failed}-run-1`],
    ['stages-cancelled', `job-${cancelled}-run-1`],
    ['stages-downloaded', `job-${downloaded}-run-1`],
    ['stages-paused', `job-${paused}-run-1`],
    ['stages-paused-by-full-disk', `job-${onFullDisk}-run-1`],
    ['stages-paused-before-its-data', `job-${withoutData}-run-1`],
    ['stages-paused-and-continued', `job-${continued}-run-1`, first],
    ['stages-continued', `job-${continued}-run-1`],
    ['worker-pool-one-by-one', WORKER_POOL_ID],
  ] as const) {
    if (process.argv.length > 2 && !process.argv.includes(name)) continue;
    const handle = client.workflow.getHandle(workflowId);
    if (workflowId !== WORKER_POOL_ID) await handle.result().catch(() => {});
    const show = [
      'workflow',
      'show',
      '--workflow-id',
      workflowId,
      ...(runId ? ['--run-id', runId] : []),
      '--namespace',
      service.env.temporalNamespace,
      '--address',
      service.temporalAddress,
      '--output',
      'json',
    ];
    const { stdout } = await execa(cli.path, show);
    const neutral = JSON.parse(withoutPaths(stdout), (key, value) =>
      // Payloads alone: the data of events within them is JSON.
      key === 'data' && typeof value === 'string'
        ? toBase64(withoutPaths(Buffer.from(value, 'base64').toString()))
        : value,
    );
    await writeFile(join(DIR, `${name}.json`), `${JSON.stringify(neutral, null, 2)}\n`);
  }
} finally {
  await client.connection.close();
  await remove();
  await hub.stop();
}
