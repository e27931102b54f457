/**
 * `npm run pictures`: brings five runs of a real service to where a person may find them (under way, interrupted twice,
 * paused, failed, completed), and takes the pictures of docs/web-ui.md from the Temporal Web UI with a real browser.
 * Needs pngquant on the PATH.
 */
import assert from 'node:assert/strict';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { PROJECT_ROOT } from '../../src/platform/env.ts';
import { findChromium, NO_CHROMIUM, startBrowser } from '../support/browser.ts';
import { settledPool, shownWorkers } from '../support/hosts.ts';
import { type Jobs, jobsOf } from '../support/jobs.ts';
import { csvRows } from '../support/rows.ts';
import { startServiceWithServers, type TestService, temporalClientOf, until } from '../support/service.ts';
import { currentDetails, pendingProgress } from '../support/web-ui.ts';

const PICTURES = join(PROJECT_ROOT, 'docs', 'pictures');
/** Pictures show paths and the host's name: neither is that of whoever takes them. */
const HOME = '/srv/mtm-demo';
const HOST = 'gpu-1';
const WIDTH = 1_200;
/** Long enough to be under way while the pictures are taken. */
const LONG = { epochs: 100 };

/** What is in them is in a frame, so only their heading can be waited for. */
const DETAILS = /Current Details/;

const executablePath = await findChromium();
if (executablePath === null) throw new Error(NO_CHROMIUM);

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
  const ids = await bringRunsThere(service);
  await takePictures(String(service.temporalUiUrl), ids);
} finally {
  await remove();
}

async function bringRunsThere(service: TestService) {
  const jobs = jobsOf(service, Number((await service.upload('support-chats.csv', csvRows(800))).body.id));
  await service.call('POST', '/workers/', { action: 'start', worker_count: 2 });
  await settledPool(service);
  const completed = await jobs.create({ name: 'Support tone', max_steps: 200 });
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
  const client = await temporalClientOf(service);
  try {
    await until('the workflow to say that it is paused', async () =>
      /paused/.test(await currentDetails(client.workflow.getHandle(`job-${paused}-run-1`))) ? true : null,
    );
    for (const id of [interrupted, underWay])
      await pendingProgress(
        client.workflow.getHandle(`job-${id}-run-1`),
        'a checkpoint',
        (told) => Number.isInteger(told.last_checkpoint_step) && Number.isInteger(told.step),
      );
  } finally {
    await client.connection.close();
  }
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

async function takePictures(
  ui: string,
  ids: Record<'completed' | 'failed' | 'paused' | 'interrupted' | 'underWay', number>,
) {
  await mkdir(PICTURES, { recursive: true });
  const browser = await startBrowser(String(executablePath));
  try {
    const page = await browser.newPage({ viewport: { width: WIDTH, height: 900 } });
    // As the button of the list's columns keeps them.
    const columns = ['Status', 'MtmName', 'MtmStatus', 'Workflow ID', 'MtmBaseModel', 'Start'].map((label) => ({
      label,
    }));
    const kept = JSON.stringify(JSON.stringify({ default: columns }));
    await page.addInitScript(`localStorage.setItem('namespace-workflow-table-columns', ${kept})`);
    await page.addInitScript(`localStorage.setItem('eventFilterSort', '"ascending"')`);
    const workflows = `${ui}/namespaces/default/workflows`;
    const take = async (name: string, url: string, shows: string | RegExp) => {
      await page.setViewportSize({ width: WIDTH, height: 900 });
      await page.goto(url, { waitUntil: 'load' });
      await page.getByText(shows).first().waitFor({ timeout: 30_000 });
      await page.waitForTimeout(2_500);
      const height = Number(await page.evaluate(`document.querySelector('#content')?.scrollHeight ?? 900`));
      await page.setViewportSize({ width: WIDTH, height: Math.min(Math.max(height, 600), 2_000) });
      await page.waitForTimeout(1_000);
      const path = join(PICTURES, `${name}.png`);
      await page.screenshot({ path });
      await execa('pngquant', ['--force', '--ext', '.png', '--strip', '32', path]);
    };
    await take('list', workflows, 'Polite refusals');
    const runPages = async (name: string, id: number, tabs: Record<string, RegExp>) => {
      await take(`${name}-timeline`, `${workflows}/job-${id}-run-1`, /prepareData/);
      const base = page.url().replace(/\/timeline.*$/, '');
      for (const [tab, shows] of Object.entries(tabs)) await take(`${name}-${tab}`, `${base}/${tab}`, shows);
    };
    await runPages('under-way', ids.underWay, {
      'pending-activities': /last_checkpoint_step/,
      'user-metadata': DETAILS,
    });
    await runPages('interrupted', ids.interrupted, { 'pending-activities': /interruptions/ });
    await runPages('paused', ids.paused, { 'user-metadata': DETAILS });
    await runPages('failed', ids.failed, { 'user-metadata': DETAILS });
    await runPages('completed', ids.completed, { 'user-metadata': DETAILS });
  } finally {
    await browser.close();
  }
}
