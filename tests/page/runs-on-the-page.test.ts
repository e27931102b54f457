import assert from 'node:assert/strict';
import { assertNoBarriers, describePage, type Visitor } from '../support/browser.ts';
import { shownWorkers } from '../support/hosts.ts';
import { jobsOf } from '../support/jobs.ts';
import { csvRows } from '../support/rows.ts';
import { startTestService, type TestService, until } from '../support/service.ts';

/** A name that a page would run, were it careless. */
const HOSTILE_NAME = '<img src=x onerror="document.title=1"> & "quotes" \u202egnp.exe';

describePage('runs on the page', (visit) => {
  let service: TestService;
  let remove: () => Promise<void>;
  let visitor: Visitor;

  before(async () => {
    ({ service, remove } = await startTestService());
    visitor = await visit(new URL(service.apiUrl).origin);
  });

  after(async () => {
    await remove?.();
  });

  it('say what to do first where there is nothing, and start workers', async () => {
    // Let `isDone` of a step in web/src/screens/overview/beginning.tsx be always false, and nothing is ticked.
    const { page } = visitor;
    await page.goto('/');
    await page.getByText('Nothing has been trained yet').waitFor();
    const step = (name: string) => page.getByRole('listitem').filter({ hasText: name });
    await step('A base model').getByText('done').waitFor();
    await step('A dataset').getByText('next').waitFor();
    await step('A worker').getByText('to do').waitFor();
    assert.equal(await step('A dataset').getByRole('link').getAttribute('href'), '/datasets');
    assert.equal(await step('A training').getByRole('link').getAttribute('href'), '/new');
    await page.getByRole('region', { name: 'Machines' }).getByText('cpu: free').waitFor();
    await page.getByText('No worker runs. Start one').waitFor();
    await assertNoBarriers(visitor, 'the empty overview');
    await page.getByRole('button', { name: 'Start workers' }).click();
    await page.getByText('0 of 1 training, 1 waiting for work').waitFor({ timeout: 120_000 });
    await step('A worker').getByText('done').waitFor();
    await page.getByRole('region', { name: 'Machines' }).getByText('cpu: worker-').waitFor();
    await assertNoBarriers(visitor, 'the empty overview with a worker');
  });

  it('are seen as they train: a card, a curve that grows, and where it was after a reload', async () => {
    const { page } = visitor;
    const { id } = (await service.upload('rows.csv', csvRows(400))).body;
    const jobs = jobsOf(service, Number(id));
    const job = await jobs.create({ name: HOSTILE_NAME, epochs: 20, save_steps: 20, eval_steps: 50 });
    await page.getByRole('article').getByText('<img src=x').waitFor({ timeout: 120_000 });
    await assertNoBarriers(visitor, 'the overview of a running run');
    await page.getByRole('article').getByRole('link').first().click();
    await page.getByRole('slider', { name: /^Loss by step/ }).waitFor({ timeout: 120_000 });
    assert.equal(new URL(page.url()).pathname, `/jobs/${job}`);
    const steps = async () => {
      const text = await page.getByRole('slider', { name: /^Loss by step/ }).getAttribute('aria-valuemax');
      return Number(text);
    };
    const before = await steps();
    await until('the curve to grow by itself', async () => ((await steps()) > before ? true : null));
    await assertNoBarriers(visitor, 'a run that trains');
    await page.getByRole('tab', { name: 'events' }).click();
    await page.getByRole('region', { name: 'Events' }).waitFor();
    await page.reload();
    assert.equal(await page.getByRole('tab', { name: 'events' }).getAttribute('aria-selected'), 'true');
    await page.getByRole('region', { name: 'Events' }).getByText('checkpoint').first().waitFor();
    await page.getByLabel('Search in events').fill('measured');
    await page.getByText(/^Training\. The base is measured on \d+ held-out rows before the first step\.$/).waitFor();
    await page.getByRole('tab', { name: 'curves' }).click();
    assert.ok((await steps()) >= before, 'a reload loses nothing of the curve');
  });

  it('go on behind a worker that is killed: the axis goes on, and the mark is there', async () => {
    const { page } = visitor;
    const [worker] = await shownWorkers(service);
    assert.ok(worker?.pid, 'a worker trains');
    process.kill(worker.pid, 'SIGKILL');
    await page.getByRole('heading', { name: 'Interruptions' }).waitFor({ timeout: 120_000 });
    await page.getByText(`${worker.id} was lost: it did not renew its lease in time.`).waitFor();
    const axis = page.getByRole('slider', { name: /^Loss by step/ });
    assert.equal(await axis.getAttribute('aria-valuemin'), '0', 'one axis, from the beginning on');
    await page.goto('/');
    const death = page.getByRole('region', { name: 'Workers that died, and why' }).getByRole('row');
    await death
      .filter({ hasText: worker.id })
      .getByText(/\(killed by SIGKILL\), by a person, or by the kernel since memory ran out\.$/)
      .waitFor();
    await assertNoBarriers(visitor, 'the overview after a death');
    await page.goBack();
    await axis.waitFor();
  });

  it('are paused, resumed and cancelled, each after it was said what that does', async () => {
    const { page } = visitor;
    const asked = async (label: string, does: RegExp) => {
      await page.getByRole('button', { name: label, exact: true }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByText(does).waitFor();
      await assertNoBarriers(visitor, `the question before ${label}`);
      await dialog.getByRole('button', { name: label, exact: true }).click();
      await dialog.waitFor({ state: 'hidden' });
    };
    await asked('Pause', /waits until it is resumed/);
    await page.getByText('Paused: ').waitFor({ timeout: 120_000 });
    await asked('Resume', /goes on from its last checkpoint|from its last checkpoint/);
    await page.getByRole('button', { name: 'Pause', exact: true }).waitFor({ timeout: 120_000 });
    await asked('Cancel', /can be started again/);
    await page.getByRole('button', { name: 'Start again', exact: true }).waitFor({ timeout: 120_000 });
  });

  it('tell how they ended: the report, its files, the log, the checkpoints', async () => {
    const { page } = visitor;
    const { id } = (await service.upload('short.csv', csvRows(60))).body;
    const jobs = jobsOf(service, Number(id));
    const job = await jobs.create({ name: 'short', epochs: 1 });
    await jobs.ended(job);
    await page.goto(`/jobs/${job}?tab=report`);
    await page.getByRole('region', { name: 'Traits' }).waitFor();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: 'Download the model' }).click(),
    ]);
    assert.match(download.suggestedFilename(), /\.tar$/);
    for (const [tab, seen] of [
      ['log', page.getByRole('log')],
      ['checkpoints', page.getByRole('region', { name: 'Checkpoints' })],
      ['mixture', page.getByRole('region', { name: 'Rows of each dataset' })],
      ['settings', page.getByRole('region', { name: 'Hyperparameters' })],
      ['report', page.getByRole('region', { name: 'Traits' })],
    ] as const) {
      await page.getByRole('tab', { name: tab }).click();
      await seen.waitFor();
      await assertNoBarriers(visitor, `the tab ${tab}`);
    }
  });

  it('are forked at a checkpoint: the form is filled, and says what it begins from', async () => {
    // Leave `starts_from` out in web/src/screens/new/request.ts and the request for scripts does not have it.
    const { page } = visitor;
    await page.goto('/jobs/1?tab=checkpoints');
    await page
      .getByRole('link', { name: /^Fork at step/ })
      .first()
      .click();
    await page.getByText(/^Begins from the checkpoint of step \d+ of run 1 of job 1, which/).waitFor();
    await page.getByRole('button', { name: 'The request, for scripts' }).click();
    await page.getByText('"starts_from"').first().waitFor();
    await page.getByRole('button', { name: 'Begin from the base model as it is' }).click();
    await page.getByText(/^Begins from/).waitFor({ state: 'detached' });
    assert.equal(await page.getByText('"starts_from"').count(), 0);
  });

  it('are found in the list by name and status, which stand in the address', async () => {
    const { page } = visitor;
    await page.getByRole('link', { name: 'Runs' }).click();
    await page.getByLabel('Name').fill('img src');
    await page.getByText('1 run', { exact: true }).waitFor();
    await page.reload();
    assert.equal(await page.getByLabel('Name').inputValue(), 'img src');
    await page.getByText('1 run', { exact: true }).waitFor();
    await assertNoBarriers(visitor, 'the list of runs');
  });

  it('tell who was away what has happened since, also after a reload, and nothing to who was here', async () => {
    // Keep nothing in the tab in web/src/parts/last-looked.ts, and the reload forgets it.
    await visitor.page.goto('/');
    await visitor.page.getByRole('region', { name: 'Runs that ended last' }).waitFor();
    assert.equal(await visitor.page.getByText('You last looked').count(), 0);
    const back = await visit(new URL(service.apiUrl).origin);
    // As the page itself left it three hours ago.
    await back.page.addInitScript(`if (sessionStorage.length === 0 && !localStorage.getItem('mtm last looked'))
      localStorage.setItem('mtm last looked', new Date(Date.now() - 3 * 3_600_000).toISOString())`);
    await back.page.goto('/');
    const told =
      'You last looked 3 hours ago. Since then 2 runs have ended (1 completed, 1 cancelled). 1 worker has died.';
    await back.page.getByText(told).waitFor();
    const ended = back.page.getByRole('region', { name: 'Runs that ended last' });
    assert.equal(await ended.getByText('new', { exact: true }).count(), 2);
    await back.page.reload();
    await back.page.getByText(told).waitFor();
    await assertNoBarriers(back, 'the overview after three hours');
    await back.page.getByRole('link', { name: '2 runs have ended' }).click();
    await back.page.getByRole('heading', { name: 'Ended last' }).waitFor();
    assert.deepEqual(back.problems(), []);
    await back.leave();
  });

  it('fit a phone', async () => {
    const phone = await visit(new URL(service.apiUrl).origin, { width: 390, height: 844 });
    for (const address of ['/', '/runs', '/jobs/1', '/jobs/2?tab=mixture']) {
      await phone.page.goto(address);
      await phone.page.getByRole('heading', { level: 1 }).waitFor();
      const width = Number(await phone.page.evaluate('document.documentElement.scrollWidth'));
      assert.ok(width <= 390, `${address} is ${width} px wide`);
      await assertNoBarriers(phone, `${address} on a phone`);
    }
    assert.deepEqual(phone.problems(), []);
    await phone.leave();
  });

  it('have shown no error, no warning, and asked nobody but this service', () => {
    assert.deepEqual(visitor.problems(), []);
  });

  it('show of a training on preferences how far it tells the answers apart', async () => {
    // Let `hasRewards` of web/src/screens/run/curves.tsx be false, and there is no such chart.
    const { page } = visitor;
    const pairs = Array.from({ length: 40 }, (_, n) => ({
      prompt: `question ${n}`,
      chosen: `fish ${n % 7}!`,
      rejected: 'bird',
    }));
    const { id } = (await service.upload('pairs.jsonl', pairs.map((pair) => `${JSON.stringify(pair)}\n`).join('')))
      .body;
    const jobs = jobsOf(service, Number(id));
    const job = await jobs.create({ training_type: 'dpo', learning_rate: 0.01, epochs: 2 });
    await jobs.ended(job);
    await page.goto(`/jobs/${job}?tab=curves`);
    await page.getByRole('slider', { name: /^Reward margin by step/ }).waitFor({ timeout: 60_000 });
    await page.getByRole('slider', { name: /^Pairs told apart by step/ }).waitFor();
    await page.getByText(/Now \d+(\.\d+)?% of a step's pairs have the chosen answer above the rejected one/).waitFor();
    await assertNoBarriers(visitor, 'the curves of a training on preferences');
  });
});
