/**
 * `npm run pictures`: brings five runs of a real service to where a person may find them (under way, interrupted twice,
 * paused, failed, completed), and takes the pictures of docs/web-ui.md from the Temporal Web UI with a real browser.
 * Needs pngquant on the PATH.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { PROJECT_ROOT } from '../../src/platform/env.ts';
import { findChromium, NO_CHROMIUM, startBrowser } from '../support/browser.ts';
import { type TestService, temporalClientOf, until } from '../support/service.ts';
import { type ShownRuns, startShownService } from '../support/shown-runs.ts';
import { currentDetails, pendingProgress } from '../support/web-ui.ts';

const PICTURES = join(PROJECT_ROOT, 'docs', 'pictures');
const WIDTH = 1_200;
/** What is in them is in a frame, so only their heading can be waited for. */
const DETAILS = /Current Details/;

const executablePath = await findChromium();
if (executablePath === null) throw new Error(NO_CHROMIUM);

const { service, ids, remove } = await startShownService();
try {
  await waitForDetails(service, ids);
  await takePictures(String(service.temporalUiUrl), ids);
} finally {
  await remove();
}

/** Until what Temporal shows of the runs has come as far as they have. */
async function waitForDetails(service: TestService, { paused, interrupted, underWay }: ShownRuns): Promise<void> {
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
}

async function takePictures(ui: string, ids: ShownRuns) {
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
