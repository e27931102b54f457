/**
 * `npm run pictures:page`: takes pictures of each screen, wide and narrow, light and dark, of a real service with five runs, into
 * pictures/ (which git ignores), for whoever changes the page to look at. With `-- --readme`: also the one of the README.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { PROJECT_ROOT } from '../../src/platform/env.ts';
import { findChromium, NO_CHROMIUM, startBrowser, visit } from '../support/browser.ts';
import { startShownService } from '../support/shown-runs.ts';

const FOLDER = join(PROJECT_ROOT, 'pictures');
const README_PICTURES = join(PROJECT_ROOT, 'docs', 'pictures');
const WIDTHS = { wide: 1440, narrow: 390 };

const chromium = await findChromium();
if (chromium === null) throw new Error(NO_CHROMIUM);
const { service, ids, remove } = await startShownService();
try {
  const browser = await startBrowser(chromium);
  await mkdir(FOLDER, { recursive: true });
  const origin = new URL(service.apiUrl).origin;
  const { completed, failed, paused, interrupted } = ids;
  const screens: Record<string, string> = {
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
    failed: `/jobs/${failed}`,
    paused: `/jobs/${paused}`,
    compare: `/compare?runs=job-${completed},job-${paused},job-${interrupted}`,
    'compare-settings': `/compare?runs=job-${completed},job-${interrupted}&tab=settings`,
    'compare-results': `/compare?runs=job-${completed},job-${failed},job-${paused}&tab=results`,
    nowhere: '/runs/nowhere',
  };
  for (const [size, width] of Object.entries(WIDTHS)) {
    for (const colorScheme of ['light', 'dark'] as const) {
      const { page, leave } = await visit(browser, origin, { width, colorScheme });
      for (const [name, address] of Object.entries(screens)) {
        await page.goto(address, { waitUntil: 'networkidle', timeout: 5_000 }).catch(() => {});
        await page.screenshot({ path: join(FOLDER, `${name}-${size}-${colorScheme}.png`), fullPage: true });
      }
      await page.goto('/');
      await page.keyboard.press('Control+k');
      await page.getByRole('group', { name: 'Visited last' }).waitFor();
      await page.screenshot({ path: join(FOLDER, `search-${size}-${colorScheme}.png`) });
      await page.keyboard.type('support');
      await page.getByRole('group', { name: 'Jobs' }).waitFor();
      await page.screenshot({ path: join(FOLDER, `search-found-${size}-${colorScheme}.png`) });
      await leave();
    }
  }
  if (process.argv.includes('--readme')) {
    const { page } = await visit(browser, origin, { width: 1100, height: 800 });
    await page.goto(`/jobs/${interrupted}`);
    await page.getByRole('heading', { name: 'Interruptions' }).waitFor();
    await page.screenshot({ path: join(README_PICTURES, 'page-run.png') });
  }
  await browser.close();
} finally {
  await remove();
}
