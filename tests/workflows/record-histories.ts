/**
 * `node --import tsx tests/workflows/record-histories.ts [NAME...]`: runs the paths of the workflows against the real
 * service and stores their histories (all, or those that are named) beside this file, to be replayed by replay.test.ts
 * after later changes. Files that are not written here are of paths of earlier versions.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { execa } from 'execa';
import { PROJECT_ROOT } from '../../src/env.ts';
import { ensureTemporalCli } from '../../src/local/temporal-cli.ts';
import { WORKER_POOL_ID } from '../../src/workflows/contract.ts';
import { csvRows } from '../support/rows.ts';
import { startTestService, TINY_MODEL, until } from '../support/service.ts';

const DIR = join(PROJECT_ROOT, 'tests', 'workflows', 'histories');

const { service, remove } = await startTestService();
try {
  await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
  const dataset = await service.upload('rows.csv', csvRows(60));
  const create = async (options: Record<string, unknown>) => {
    const base = {
      name: 'job',
      dataset_id: dataset.body.id,
      model_name: TINY_MODEL,
      batch_size: 4,
      epochs: 2,
      lora_r: 4,
      max_length: 64,
    };
    return Number((await service.call('POST', '/jobs/', { ...base, ...options })).body.id);
  };
  const status = async (id: number) => String((await service.call('GET', `/jobs/${id}`)).body.status);
  const ended = (id: number) =>
    until(`job ${id} to end`, async () =>
      ['completed', 'failed', 'cancelled'].includes(await status(id)) ? true : null,
    );

  const completed = await create({});
  await ended(completed);
  const failed = await create({ model_name: 'none/such' });
  await ended(failed);
  const cancelled = await create({ epochs: 100 });
  await until('it to train', async () =>
    Number((await service.call('GET', `/jobs/${cancelled}`)).body.current_step) > 3 ? true : null,
  );
  await service.call('POST', `/jobs/${cancelled}/cancel`);
  await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
  await service.call('POST', '/workers/', { action: 'restart' });
  const workers = async () => (await service.call('GET', '/workers/')).body.total_workers;
  await service.call('PATCH', '/config/', { max_concurrent_workers: 1 });
  await until('one worker to be drained', async () => ((await workers()) === 1 ? true : null));
  await service.call('POST', '/workers/', { action: 'stop' });
  await service.call('PATCH', '/config/', { auto_start_workers: true });
  await ended(await create({ epochs: 1 }));
  await service.call('POST', '/workers/', { action: 'stop' });

  // What is stored names no folder of the machine it was recorded on; payloads are base64.
  const withoutPaths = (text: string) =>
    text.replaceAll(service.env.home, '/srv/mtm').replaceAll(PROJECT_ROOT, '/srv/app');
  const toBase64 = (text: string) => Buffer.from(text).toString('base64');

  const connection = await Connection.connect({ address: service.temporalAddress });
  const client = new Client({ connection });
  const cli = await ensureTemporalCli(service.env.toolsDir, console.log);
  await mkdir(DIR, { recursive: true });
  for (const [name, workflowId] of [
    ['training-completed', `job-${completed}-run-1`],
    ['training-failed', `job-${failed}-run-1`],
    ['training-cancelled', `job-${cancelled}-run-1`],
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
      '--address',
      service.temporalAddress,
      '--output',
      'json',
    ];
    const { stdout } = await execa(cli.path, show);
    const neutral = JSON.parse(withoutPaths(stdout), (key, value) =>
      key === 'data' ? toBase64(withoutPaths(Buffer.from(value, 'base64').toString())) : value,
    );
    await writeFile(join(DIR, `${name}.json`), `${JSON.stringify(neutral, null, 2)}\n`);
  }
  await connection.close();
} finally {
  await remove();
}
