/**
 * `npm run pictures:page`: takes pictures of each screen, wide and narrow, light and dark, of a real service with five runs, into
 * pictures/ (which git ignores), for whoever changes the page to look at. With `-- --readme`: also those of the README, and these alone.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { PROJECT_ROOT } from '../../src/platform/env.ts';
import { findChromium, NO_CHROMIUM, startBrowser, visit } from '../support/browser.ts';
import { TINY_MODEL } from '../support/service.ts';
import { type ShownRuns, startShownService } from '../support/shown-runs.ts';

const FOLDER = join(PROJECT_ROOT, 'pictures');
const README_PICTURES = join(PROJECT_ROOT, 'docs', 'pictures');
const LEARNT = '/datasets/1?tab=learnt&row=3';
/** The trainer counts tokens, and begins by loading what it needs. */
const LONGEST_MS = 60_000;
const WIDTHS = { wide: 1440, narrow: 390 };

const chromium = await findChromium();
if (chromium === null) throw new Error(NO_CHROMIUM);
const { service, ids, remove } = await startShownService();
const browser = await startBrowser(chromium);
try {
  const origin = new URL(service.apiUrl).origin;
  if (process.argv.includes('--readme')) await takeForReadme(browser, origin, ids);
  else await takeAll(browser, origin, ids);
} finally {
  await browser.close();
  await remove();
}

/** Addresses, by the names of their pictures. */
function screensOf({ completed, failed, paused, interrupted }: ShownRuns): Record<string, string> {
  return {
    overview: '/',
    runs: '/runs',
    curves: `/jobs/${completed}`,
    interrupted: `/jobs/${interrupted}`,
    events: `/jobs/${interrupted}?tab=events`,
    log: `/jobs/${interrupted}?tab=log`,
    checkpoints: `/jobs/${completed}?tab=checkpoints`,
    mixture: `/jobs/${completed}?tab=mixture`,
    settings: `/jobs/${completed}?tab=settings`,
    report: `/jobs/${completed}?tab=report`,
    playground: `/jobs/${completed}/try?run=1&row=0`,
    failed: `/jobs/${failed}`,
    paused: `/jobs/${paused}`,
    compare: `/compare?runs=job-${completed},job-${paused},job-${interrupted}`,
    'compare-settings': `/compare?runs=job-${completed},job-${interrupted}&tab=settings`,
    'compare-results': `/compare?runs=job-${completed},job-${failed},job-${paused}&tab=results`,
    datasets: '/datasets',
    rows: '/datasets/1',
    profile: `/datasets/1?tab=profile&model=${encodeURIComponent(TINY_MODEL)}`,
    mapping: '/datasets/1?tab=mapping',
    learnt: LEARNT,
    users: '/datasets/1?tab=users',
    choice: '/new',
    'new-job': `/new/job?from=job-${completed}`,
    'new-project': '/new/project',
    models: '/models',
    model: `/models?model=${encodeURIComponent(TINY_MODEL)}`,
    config: '/settings',
    nowhere: '/runs/nowhere',
  };
}

async function takeAll(browser: Browser, origin: string, ids: ShownRuns): Promise<void> {
  await mkdir(FOLDER, { recursive: true });
  for (const [size, width] of Object.entries(WIDTHS)) {
    for (const colorScheme of ['light', 'dark'] as const) {
      const { page, leave } = await visit(browser, origin, { width, colorScheme });
      const take = (name: string, fullPage: boolean) =>
        page.screenshot({ path: join(FOLDER, `${name}-${size}-${colorScheme}.png`), fullPage });
      for (const [name, address] of Object.entries(screensOf(ids))) {
        await page.goto(address);
        await page.getByRole('heading', { level: 1 }).waitFor();
        await page.locator('.mantine-Loader-root').first().waitFor({ state: 'hidden', timeout: LONGEST_MS });
        await take(name, true);
      }
      await takeSearch(page, take);
      await leave();
    }
  }
}

async function takeSearch(page: Page, take: (name: string, fullPage: boolean) => Promise<unknown>): Promise<void> {
  await page.goto('/');
  await page.getByRole('heading', { level: 1 }).waitFor();
  await page.keyboard.press('Control+k');
  await page.getByRole('group', { name: 'Visited last' }).waitFor();
  await take('search', false);
  await page.keyboard.type('support');
  await page.getByRole('group', { name: 'Jobs' }).waitFor();
  await take('search-found', false);
}

/** Three, of which each has something that tells that it is drawn. */
async function takeForReadme(browser: Browser, origin: string, { completed, interrupted }: ShownRuns): Promise<void> {
  const { page } = await visit(browser, origin, { width: 1100 });
  const take = async (name: string, height: number) => {
    await page.setViewportSize({ width: 1100, height });
    await page.getByRole('status', { name: 'Loading' }).waitFor({ state: 'hidden' });
    await page.screenshot({ path: join(README_PICTURES, `page-${name}.png`) });
  };
  await page.goto(`/jobs/${interrupted}?smooth=10`);
  await page.getByRole('heading', { name: 'Interruptions' }).waitFor();
  await take('run', 860);
  await page.goto(LEARNT);
  await page.getByRole('region', { name: 'Sequence 1' }).waitFor();
  await take('tokens', 560);
  await page.goto(`/compare?runs=job-${completed},job-${interrupted}`);
  await page.getByRole('slider', { name: / by / }).first().waitFor();
  await take('compare', 960);
}
