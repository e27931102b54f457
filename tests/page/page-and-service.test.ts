import assert from 'node:assert/strict';
import type { Browser } from 'playwright-core';
import { transition } from '../../src/models/runs/transition.ts';
import { type ApiOnly, startTestApi } from '../support/api.ts';
import { assertNoBarriers, findChromium, NO_CHROMIUM, startBrowser, visit } from '../support/browser.ts';
import { startTestDatabase, type TestDatabase } from '../support/database.ts';
import { buildRun } from '../support/runs.ts';

const chromium = await findChromium();
const KEY = 'a-key-of-this-service';

/** The API over a real database; Temporal is away, which the page says. */
describe('the page and its service', function () {
  this.timeout(300_000);
  if (chromium === null) {
    it('are not tried', () => console.log(NO_CHROMIUM));
    return;
  }
  let browser: Browser;
  let database: TestDatabase;
  let api: ApiOnly;

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database, { apiKeys: [KEY] });
    browser = await startBrowser(chromium);
  });

  after(async () => {
    await browser?.close();
    await api?.close();
    await database?.remove();
  });

  it('ask for a key where there is one, take no wrong one, keep the right one over a reload, and forget it', async () => {
    const visitor = await visit(browser, api.url);
    const { page } = visitor;
    await page.goto('/runs?status=open');
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await assertNoBarriers(visitor, 'the sign-in');
    await page.getByLabel('API key').fill('a wrong one');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('none of the API keys').waitFor();
    await page.getByLabel('API key').fill(KEY);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { name: 'Runs' }).waitFor();
    assert.match(page.url(), /\/runs\?status=open$/, 'what was asked for is shown then');
    await page.reload();
    await page.getByRole('heading', { name: 'Runs' }).waitFor();
    assert.equal(await page.evaluate('document.cookie'), '', 'no script reads the key');
    await page.getByText('Temporal is away').waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    // A browser says of each refusal that it was one.
    assert.deepEqual(visitor.problems(/status of 40[01]/), []);
    await visitor.leave();
  });

  it('keep the frame where a part of a screen is not there any more, and load it again', async () => {
    // Take BrokenScreen out of web/src/screens.tsx, and the whole page is gone.
    const { page, leave } = await visit(browser, api.url);
    await page.goto('/');
    await page.getByLabel('API key').fill(KEY);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    await page.route(/assets\/runs-.*\.js/, (route) => route.fulfill({ status: 404 }));
    await page.getByRole('link', { name: 'Runs', exact: true }).click();
    await page.getByText('This screen cannot be shown').waitFor();
    await page.unrouteAll();
    await page.getByRole('button', { name: 'Load again' }).click();
    await page.getByRole('heading', { name: 'Runs' }).waitFor();
    await leave();
  });

  it('find each other again after the service was away, without a reload, in both of two tabs', async () => {
    const run = await buildRun(database);
    const first = await visit(browser, api.url);
    await first.page.goto('/');
    await first.page.getByLabel('API key').fill(KEY);
    await first.page.getByRole('button', { name: 'Sign in' }).click();
    const second = await first.page.context().newPage();
    await first.page.goto(`/jobs/${run.job_id}?tab=events`);
    await second.goto('/');
    for (const page of [first.page, second])
      await page
        .getByText(/Number 1 in the line/)
        .first()
        .waitFor();
    const { port } = new URL(api.url);
    await api.close();
    for (const page of [first.page, second]) await page.getByText('The service does not answer').waitFor();
    const set = { error_class: 'TestFailure', error_message: 'It was to fail.' };
    assert.ok(await transition({ runId: run.id, to: 'failed', phase: 'finished', set }));
    api = await startTestApi(database, { apiKeys: [KEY] }, { port: Number(port) });
    for (const page of [first.page, second]) {
      await page.getByText('The service does not answer').waitFor({ state: 'hidden' });
      await page.getByText('It was to fail.').first().waitFor();
    }
    await first.leave();
  });
});
