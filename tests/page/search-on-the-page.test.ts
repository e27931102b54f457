import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import { type ApiOnly, startTestApi } from '../support/api.ts';
import { COMPLETE, putInCache, without } from '../support/base-models.ts';
import { assertNoBarriers, describePage, type Visitor } from '../support/browser.ts';
import { startTestDatabase, type TestDatabase } from '../support/database.ts';
import { csvRows } from '../support/rows.ts';
import { until } from '../support/service.ts';

/** A name that a page would run, were it careless, and one that would turn the text around it. */
const HOSTILE_NAME = '<img src=x onerror="document.title=1"> & "quotes" \u202egnp.exe';
const ARABIC_NAME = 'نبرة الدعم الفني';
const MODEL = 'acme/llama-3b';

/**
 * What breaks them: no `signal` in api/search.ts (the question of before is not broken off), `isFirstCertain: true` in use-hits.ts (Enter
 * opens what the text before has found), the text as it is in marked.tsx, no `isTyping` in use-keys.ts, no look at AbortError in client.ts
 * (the service counts as away), .hits around the list instead of the list (a place that scrolls, and that no key reaches).
 */
describePage('the search on the page', (visit) => {
  let database: TestDatabase;
  let api: ApiOnly;
  let visitor: Visitor;
  let page: Page;

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database);
    await putInCache(api.env.modelCache, MODEL, COMPLETE);
    await putInCache(api.env.modelCache, 'acme/unfinished', without('model.safetensors'));
    const chats = (await api.upload('chats.csv', csvRows(20), { name: 'Chats of 2024' })).body;
    for (const name of ['Support tone', HOSTILE_NAME, ARABIC_NAME, 'Summaries'])
      assert.equal((await api.call('POST', '/jobs/', { name, model_name: MODEL, dataset_id: chats.id })).status, 201);
    const traits = [{ trait_type: 'coding', datasets: [{ dataset_id: chats.id, percentage: 100 }] }];
    const project = { name: 'Never started', base_model: 'acme/other', output_directory: 'p', traits };
    assert.equal((await api.call('POST', '/projects/', project)).status, 201);
    visitor = await visit(api.url);
    page = visitor.page;
  });

  after(async () => {
    await api?.close();
    await database?.remove();
  });

  const dialog = () => page.getByRole('dialog');
  const field = () => page.getByRole('combobox', { name: 'Search', exact: true });
  const option = (name: string | RegExp) => dialog().getByRole('option', { name });
  const chosen = () => dialog().getByRole('option', { selected: true });
  /** Which option the field says is the chosen one, for those who hear it. */
  const told = async () => {
    const id = await field().getAttribute('aria-activedescendant');
    return await dialog().locator(`[id="${id}"]`).textContent();
  };
  /** Not by waitForFunction: the service's policy lets no script be made of text. */
  const focused = (where: string) =>
    until('the focus to be there', async () => ((await page.evaluate(where)) === true ? true : null));
  const closed = () => dialog().waitFor({ state: 'hidden' });

  it('opens by a key where nothing is typed, by Ctrl-K also there, by a button; closed, it leaves all as it was', async () => {
    await page.goto('/runs');
    await page.getByText('4 runs').waitFor();
    await page.getByText('Temporal is away').waitFor();
    const name = page.getByLabel('Name');
    await name.focus();
    await page.keyboard.type('a/b?');
    assert.equal(await name.inputValue(), 'a/b?', 'a key in a field is a sign of the text');
    await name.fill('');
    const place = () => page.getByRole('heading', { level: 1 }).boundingBox();
    const before = await place();
    await page.evaluate('document.querySelector("h1").dataset.same = "yes"');
    await page.keyboard.press('Control+k');
    await field().waitFor();
    await page.keyboard.type('nothing yet');
    assert.deepEqual(await place(), before, 'the screen below stays where it was');
    await page.keyboard.press('Escape');
    await closed();
    await focused('document.activeElement?.type === "search"');
    assert.equal(await name.inputValue(), '', 'what was typed went into the search alone');
    assert.equal(await page.locator('h1[data-same=yes]').count(), 1, 'it is the screen of before');
    await page.getByRole('button', { name: 'Search' }).click();
    await field().waitFor();
    await page.keyboard.press('Escape');
    await closed();
    await focused('document.activeElement?.textContent.startsWith("Search")');
  });

  it('finds by keyboard alone, marks why, and opens what was chosen', async () => {
    await page.goto('/');
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('llama sum');
    await option(/^Summaries/).waitFor();
    await dialog().getByText('1 found').waitFor();
    assert.deepEqual(await dialog().locator('mark').allTextContents(), ['Sum', 'llama']);
    await assertNoBarriers(visitor, 'the search with what it found');
    await field().fill('chats');
    await option(/^Chats of 2024/).waitFor();
    await page.keyboard.press('ArrowDown');
    assert.match(String(await chosen().textContent()), new RegExp(ARABIC_NAME));
    assert.match(String(await told()), new RegExp(ARABIC_NAME));
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('ArrowUp');
    assert.match(String(await chosen().textContent()), /^Chats of 2024/, 'from the first one up is the last one');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Chats of 2024' }).waitFor();
    await closed();
    assert.equal(new URL(page.url()).pathname, '/datasets/1');
    assert.equal(await page.evaluate('document.activeElement.id'), 'content', 'the focus is on the new screen');
  });

  it('finds a job or project by the number of its output, also one that was never started', async () => {
    await page.keyboard.press('/');
    await page.keyboard.type('job-1-run-1');
    await option(/^Support tone/).waitFor();
    assert.match(String(await chosen().textContent()), /^Support tone/);
    await field().fill('project 1');
    await option(/^Never started.*project 1, never started/s).waitFor();
    await page.keyboard.press('Escape');
    await closed();
  });

  it('forgets an answer that comes too late, and lets Enter wait for the one that was meant', async () => {
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    await page.route(/\/jobs\/\?.*search=support/, async (route) => {
      await released;
      await route.continue();
    });
    const brokenOff = page.waitForEvent('requestfailed', (request) => /jobs.*search=support/.test(request.url()));
    const asked = page.waitForRequest(/\/jobs\/\?.*search=support/);
    // Said for a moment alone, until the next answer comes: every change of the page is looked at.
    await page.evaluate(`new MutationObserver(() => {
      if (document.body.textContent.includes('The service does not answer')) document.body.dataset.away = 'yes';
    }).observe(document.body, { childList: true, subtree: true, characterData: true })`);
    await page.keyboard.press('/');
    await page.keyboard.type('support');
    await asked;
    await dialog().getByText('Searching…').waitFor();
    await field().fill('summaries');
    assert.match(String((await brokenOff).failure()?.errorText), /ABORTED/);
    await option(/^Summaries/).waitFor();
    assert.equal(await option(/^Support/).count(), 0);
    assert.equal(await page.locator('body[data-away]').count(), 0, 'it was the page that broke it off');
    const askedAgain = page.waitForRequest(/\/jobs\/\?.*search=support/);
    await field().fill('support');
    await page.keyboard.press('Enter');
    await askedAgain;
    assert.equal(new URL(page.url()).pathname, '/datasets/1', 'what was found for the text before was not opened');
    release();
    await page.getByRole('heading', { name: 'Support tone' }).waitFor();
    await page.unrouteAll();
    await closed();
  });

  it('shows names with HTML, and such that turn their surroundings, as they are', async () => {
    await page.keyboard.press('/');
    await page.keyboard.type('<img');
    await option(/<img src=x onerror="document.title=1"> & "quotes" ⟨U\+202E⟩gnp.exe/).waitFor();
    assert.deepEqual(await dialog().locator('mark').allTextContents(), ['<img']);
    assert.equal(await dialog().locator('img').count(), 0);
    await field().fill('الدعم');
    await option(new RegExp(ARABIC_NAME)).waitFor();
    assert.deepEqual(await dialog().locator('mark').allTextContents(), ['الدعم']);
    const direction = await page.evaluate('getComputedStyle(document.querySelector(".hits mark")).direction');
    assert.equal(direction, 'rtl');
    await assertNoBarriers(visitor, 'the search with names of all kinds');
  });

  it('says that it found nothing, and what can be found', async () => {
    await field().fill('no such thing');
    await dialog().getByText('Nothing has all of this: no such thing').waitFor();
    await dialog().getByText('the name, number or file of a dataset').waitFor();
    await assertNoBarriers(visitor, 'the search that found nothing');
  });

  it('finds base models, settings and actions, and leads to them', async () => {
    await field().fill('unfin');
    await option(/^acme\/unfinished.*It cannot be used/s).waitFor();
    await field().fill('default_model');
    await option(/^Default model/).waitFor();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Settings' }).waitFor();
    await focused('document.activeElement?.labels?.[0]?.textContent.startsWith("Default model")');
    await page.keyboard.press('Control+k');
    await page.keyboard.type('dark');
    await page.keyboard.press('Enter');
    await closed();
    assert.equal(await page.locator('html').getAttribute('data-mantine-color-scheme'), 'dark');
    await page.keyboard.press('Control+k');
    await page.keyboard.type('light');
    await page.keyboard.press('Enter');
    await closed();
    await page.keyboard.press('Control+k');
    await page.keyboard.type('new job');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'New job' }).waitFor();
    await closed();
  });

  it('tells the keys by ?, where those that are signs can be turned off', async () => {
    await page.goto('/runs');
    await page.getByText('4 runs').waitFor();
    await page.keyboard.press('?');
    await dialog()
      .getByRole('row', { name: /Search, also while you type/ })
      .waitFor();
    await assertNoBarriers(visitor, 'the keys');
    await page.keyboard.press('Space');
    await page.keyboard.press('Escape');
    await closed();
    await page.reload();
    await page.getByText('4 runs').waitFor();
    await page.keyboard.press('/');
    await page.keyboard.press('?');
    await page.keyboard.press('Control+k');
    await field().waitFor();
    assert.equal(await field().inputValue(), '');
    await page.keyboard.type('keyboard');
    await page.keyboard.press('Enter');
    await dialog()
      .getByRole('row', { name: /Search, also while you type/ })
      .waitFor();
    await page.keyboard.press('Space');
    await page.keyboard.press('Escape');
    await closed();
    await page.keyboard.press('/');
    await field().waitFor();
    await page.keyboard.press('Escape');
    await closed();
  });

  it('begins with what was visited last, as it is called now; without what is not there any more', async () => {
    const visited = async () => {
      await page.keyboard.press('/');
      await dialog().getByRole('group', { name: 'Visited last' }).waitFor();
      await dialog().getByText('…').first().waitFor({ state: 'hidden' });
      const names = await dialog().getByRole('group', { name: 'Visited last' }).getByRole('option').allInnerTexts();
      return names.map((name) => name.split('\n')[0]);
    };
    for (const address of [
      '/datasets/1',
      '/jobs/4?tab=events',
      `/models?model=${encodeURIComponent(MODEL)}`,
      '/jobs/1',
    ]) {
      await page.goto(address);
      await page.getByRole('heading', { level: 1 }).waitFor();
    }
    assert.deepEqual((await visited()).slice(0, 3), [MODEL, 'Summaries', 'Chats of 2024']);
    await assertNoBarriers(visitor, 'the search before anything is typed');
    await page.keyboard.press('Escape');
    await closed();
    assert.equal((await api.call('PATCH', '/datasets/1', { name: 'Chats, mended' })).status, 200);
    await api.call('POST', '/jobs/4/cancel');
    assert.equal((await api.call('DELETE', '/jobs/4')).status, 204);
    await page.reload();
    await page.getByRole('heading', { name: 'Support tone' }).waitFor();
    assert.deepEqual((await visited()).slice(0, 2), [MODEL, 'Chats, mended']);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: MODEL }).waitFor();
    await closed();
  });

  it('fits a phone', async () => {
    const phone = await visit(api.url, { width: 390, height: 844 });
    await phone.page.goto('/runs');
    await phone.page.getByRole('button', { name: 'Search' }).click();
    await phone.page.getByRole('combobox', { name: 'Search', exact: true }).fill('llama');
    await phone.page.getByRole('option', { name: /^Support tone/ }).waitFor();
    const last = await phone.page.getByRole('button', { name: /^Show the page/ }).boundingBox();
    assert.ok(last && last.x + last.width <= 390, 'the header has room for all of its buttons');
    const box = await phone.page.getByRole('dialog').boundingBox();
    assert.ok(box && box.x >= 0 && box.x + box.width <= 390, JSON.stringify(box));
    assert.ok(Number(await phone.page.evaluate('document.documentElement.scrollWidth')) <= 390);
    await assertNoBarriers(phone, 'the search on a phone');
    await phone.page.getByRole('option', { name: /^Support tone/ }).click();
    await phone.page.getByRole('heading', { name: 'Support tone' }).waitFor();
    assert.deepEqual(phone.problems(), []);
    await phone.leave();
  });

  it('has shown no error, no warning, and asked nobody but this service', () => {
    // The files of the model are no real ones: what its template shows cannot be told. Answers that were broken off are the third test's.
    assert.deepEqual(visitor.problems(/models\/acme|net::ERR_(FAILED|ABORTED)/), []);
  });
});
