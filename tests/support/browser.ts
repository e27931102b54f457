import assert from 'node:assert/strict';
import { access, constants } from 'node:fs/promises';
import { AxeBuilder } from '@axe-core/playwright';
import { execa } from 'execa';
import { type Browser, chromium, type Page } from 'playwright-core';
import { PROJECT_ROOT } from '../../src/platform/env.ts';

const INSTALL_TIMEOUT_MS = 300_000;
/** A busy machine of two cores draws, and answers, many times more slowly than one that is free. */
const PATIENCE_MS = 120_000;
const SUITE_TIMEOUT_MS = 480_000;

const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** Where a Chromium is: MTM_TEST_CHROMIUM, the system's, or one that Playwright has installed. Null: nowhere. */
export async function findChromium(): Promise<string | null> {
  for (const path of [process.env.MTM_TEST_CHROMIUM, ...PLACES, chromium.executablePath()]) {
    if (
      path &&
      (await access(path, constants.X_OK).then(
        () => true,
        () => false,
      ))
    )
      return path;
  }
  return null;
}

export const NO_CHROMIUM =
  'There is no Chromium, so the page was not tried. Install one (Debian: apt-get install chromium; elsewhere: npx playwright-core install chromium), or set MTM_TEST_CHROMIUM.';

/** Has Playwright install its own where there is none, and says so where that is not possible either: the tests of the page are left out then. */
export async function ensureChromium(say: (line: string) => void): Promise<void> {
  if ((await findChromium()) !== null) return;
  say('There is no Chromium for the tests of the page: Playwright installs its own.');
  const options = { cwd: PROJECT_ROOT, preferLocal: true, reject: false, timeout: INSTALL_TIMEOUT_MS } as const;
  await execa('playwright-core', ['install', '--no-shell', 'chromium'], options);
  if ((await findChromium()) === null) say(NO_CHROMIUM);
}

/** How a page is looked at. */
export interface Look {
  width?: number;
  height?: number;
  colorScheme?: 'light' | 'dark';
}

export interface Visitor {
  page: Page;
  /** Errors and warnings of the page, and requests that went elsewhere than to `origin`. What the test brings about itself can be left out. */
  problems: (expected?: RegExp) => string[];
  /** What axe finds wrong with what is shown now. */
  barriers: () => Promise<string[]>;
  leave: () => Promise<void>;
}

/** Once colours have changed to those of another scheme: what is between the two has less contrast than either. A spinner never ends. */
const STILL = `new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))).then(() => Promise.allSettled(
  document.getAnimations().filter(({ effect }) => Number.isFinite(effect.getComputedTiming().endTime)).map(({ finished }) => finished)
)).then(() => null)`;

/** A visitor of the service at `origin`, with cookies of their own. */
export async function visit(
  browser: Browser,
  origin: string,
  { width = 1280, height = 900, colorScheme = 'light' }: Look = {},
): Promise<Visitor> {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme,
    baseURL: origin,
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const found: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type()))
      found.push(`${message.type()}: ${message.text()} (${message.location().url})`);
  });
  page.on('pageerror', (error) => found.push(`uncaught: ${error.message}`));
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol !== 'blob:' && url.protocol !== 'data:' && url.origin !== origin)
      found.push(`asked elsewhere: ${request.url()}`);
  });
  return {
    page,
    problems: (expected) => found.filter((problem) => !expected?.test(problem)),
    barriers: async () => {
      await page.evaluate(STILL);
      const { violations } = await new AxeBuilder({ page }).analyze();
      return violations.flatMap(({ id, nodes }) =>
        nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' ')}: ${failureSummary}`),
      );
    },
    leave: () => context.close(),
  };
}

/** Starts the browser. Without a sandbox where tests run as root, as they do in containers. */
export async function startBrowser(executablePath: string): Promise<Browser> {
  return await chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] });
}

/** In both colour schemes: what is shown has no barrier that axe knows. */
export async function assertNoBarriers({ page, barriers }: Visitor, screen: string): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    assert.deepEqual(await barriers(), [], `${screen}, ${colorScheme}`);
  }
  await page.emulateMedia({ colorScheme: 'light' });
}

/** Opens the page of the service at an address, as somebody who has not been there before. */
export type Visit = (origin: string, look?: Look) => Promise<Visitor>;

const chromiumPath = await findChromium();

/** Tests of the page with a browser of their own, which is closed behind them. Where there is no Chromium, they say so in place of all. */
export function describePage(title: string, suite: (visit: Visit) => void): void {
  describe(title, function () {
    this.timeout(SUITE_TIMEOUT_MS);
    if (chromiumPath === null) {
      it('not tried', () => console.log(NO_CHROMIUM));
      return;
    }
    let browser: Browser;
    before(async () => {
      browser = await startBrowser(chromiumPath);
    });
    after(() => browser?.close());
    suite((origin, look) => visit(browser, origin, look));
  });
}

/** Lets files go over the page, as somebody does who drags them there. */
export async function drop(page: Page, files: { name: string; content: string }[]): Promise<void> {
  const dataTransfer = await page.evaluateHandle(`(() => {
    const transfer = new DataTransfer();
    for (const { name, content } of ${JSON.stringify(files)}) transfer.items.add(new File([content], name));
    return transfer;
  })()`);
  await page.dispatchEvent('body', 'dragover', { dataTransfer });
  await page.dispatchEvent('body', 'drop', { dataTransfer });
}
