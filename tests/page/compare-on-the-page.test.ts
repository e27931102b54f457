import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import { assertNoBarriers, describePage, type Visitor } from '../support/browser.ts';
import { shownWorkers } from '../support/hosts.ts';
import { type Jobs, jobsOf } from '../support/jobs.ts';
import { csvRows } from '../support/rows.ts';
import { startTestService, type TestService, until } from '../support/service.ts';

/** What Chromium writes where the API says that there is no such job. */
const NOT_THERE = /status of 404/;

describePage('runs compared on the page', (visit) => {
  let service: TestService;
  let remove: () => Promise<void>;
  let visitor: Visitor;
  let page: Page;
  let jobs: Jobs;
  /** Two rows a step, and four; both end. */
  let small: number;
  let large: number;
  /** Of other rows, with a worker that is killed. */
  let interrupted: number;

  before(async () => {
    ({ service, remove } = await startTestService());
    visitor = await visit(new URL(service.apiUrl).origin);
    page = visitor.page;
    await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
    jobs = jobsOf(service, Number((await service.upload('rows.csv', csvRows(60))).body.id));
    small = await jobs.create({ name: 'Small steps', max_steps: 30, eval_steps: 10 });
    large = await jobs.create({ name: 'Large steps <b>', max_steps: 15, eval_steps: 5, batch_size: 4 });
    await jobs.ended(small);
    await jobs.ended(large);
    // There is one worker, which would have it before one of the others.
    const others = jobsOf(service, Number((await service.upload('others.csv', csvRows(400))).body.id));
    interrupted = await others.create({ name: 'Interrupted', epochs: 40, save_steps: 10 });
  });

  after(async () => {
    await remove?.();
  });

  const plot = (name: string) => page.getByRole('slider', { name: new RegExp(`^${name} by`) });
  const longest = async (name: string) => Number(await plot(name).getAttribute('aria-valuemax'));

  it('are chosen in the list, over its filters, or where one is shown', async () => {
    // Leave `chosen` out of the address in web/src/screens/runs/comparison.tsx, and the filter forgets it.
    await page.goto(`/jobs/${small}`);
    await page.getByRole('link', { name: 'Compare with…' }).click();
    await page.getByText(`Chosen: job-${small}. Choose at least one more`).waitFor();
    await page.getByLabel('Name').fill('Large');
    await page.getByText('1 run', { exact: true }).waitFor();
    await page.getByRole('checkbox', { name: `Compare Large steps <b>, job ${large}, run 1` }).check();
    await page.getByText(`Chosen: job-${small}, job-${large}.`).waitFor();
    await assertNoBarriers(visitor, 'the list with two runs chosen');
    await page.getByRole('link', { name: 'Compare', exact: true }).click();
    await page.getByRole('heading', { name: 'Compare' }).waitFor();
    for (const name of ['Small steps', 'Large steps <b>']) await page.getByRole('link', { name }).waitFor();
  });

  it('lie over each other by tokens where their steps are not as many rows, and by what the viewer asks for', async () => {
    // Let fairAxis in web/src/screens/compare/fair.ts say step always, and it fails.
    await page.goto(`/compare?runs=job-${small},job-${large}`);
    await page.getByText('By trained tokens, since a step is not as many rows').waitFor();
    for (const name of ['Train loss', 'Held-out loss', 'Learning rate', 'Gradient norm', 'Tokens per second', 'Memory'])
      await plot(name).waitFor();
    const said = (await plot('Train loss').getAttribute('aria-valuetext')) ?? '';
    assert.match(said, /^At the end of each: Small steps \(job \d+\) [\d.]+, Large steps <b> \(job \d+\) [\d.]+$/);
    await plot('Train loss').focus();
    await page.keyboard.press('Home');
    assert.match((await plot('Train loss').getAttribute('aria-valuetext')) ?? '', /^trained tokens 0: /);
    assert.ok((await longest('Train loss')) > 30, 'as many tokens as both have');
    await assertNoBarriers(visitor, 'curves over each other');
    await page.getByLabel('Axis').selectOption('step');
    await page.getByText('By step these runs cannot be compared fairly').waitFor();
    assert.equal(await longest('Train loss'), 30);
    const figure = page.getByRole('figure', { name: 'Train loss' });
    await figure.getByRole('button', { name: 'Show as table' }).click();
    const rows = figure.getByRole('region', { name: 'Train loss as a table' }).getByRole('row');
    // Its head, and steps 0 to 30: held-out losses begin before the first step.
    assert.equal(await rows.count(), 32);
    await assertNoBarriers(visitor, 'a chart as a table');
  });

  it('are as they were after a reload: axis, part, scale, runs', async () => {
    // Leave `from` out of what the charts put into the address, and it fails.
    await page.getByLabel('Logarithmic').check({ force: true });
    await plot('Held-out loss').focus();
    await page.keyboard.press('+');
    await page.getByRole('button', { name: 'Show all steps' }).first().waitFor();
    const address = page.url();
    assert.match(address, /x=step/);
    assert.match(address, /from=\d+&to=\d+/);
    await page.reload();
    await page.getByRole('button', { name: 'Show all steps' }).first().waitFor();
    assert.equal(page.url(), address);
    assert.equal(await page.getByLabel('Axis').inputValue(), 'step');
    assert.ok(await page.getByLabel('Logarithmic').isChecked());
    for (const name of ['Small steps', 'Large steps <b>']) await page.getByRole('link', { name }).waitFor();
  });

  it('show in what they were started otherwise, and all else when that is asked for', async () => {
    // Show all settings at first in web/src/screens/compare/settings.tsx, and it fails.
    await page.getByRole('tab', { name: 'settings' }).click();
    const table = page.getByRole('region', { name: 'Settings run by run' });
    const row = (name: string) =>
      table.getByRole('row').filter({ has: page.getByRole('rowheader', { name, exact: true }) });
    assert.deepEqual(await row('batch_size').getByRole('cell').allTextContents(), ['2', '4']);
    assert.deepEqual(await row('rows_per_step').getByRole('cell').allTextContents(), ['2', '4']);
    assert.equal(await row('base_model_revision').count(), 0, 'the same in both');
    await assertNoBarriers(visitor, 'the settings that differ');
    await page.getByLabel('Differences only').uncheck({ force: true });
    await row('base_model_revision').waitFor();
    const [one, other] = await row('base_model_revision').getByRole('cell').allTextContents();
    assert.ok(one && one === other && /^[0-9a-f]{8,}/.test(one), `${one} is the revision of the tiny model`);
    await row('trained_with: torch').waitFor();
    await page.getByRole('searchbox', { name: 'Setting' }).fill('lora rank');
    await page.getByText('No setting is like this.').waitFor();
    await page.getByRole('searchbox', { name: 'Setting' }).fill('lora_r');
    await row('lora_r').waitFor();
    await page.reload();
    await row('lora_r').waitFor();
    assert.equal(await row('batch_size').count(), 0, 'what is searched for stands in the address');
    await page.getByRole('button', { name: 'As text, to copy' }).click();
    await page.getByRole('region', { name: 'Settings as text' }).filter({ hasText: 'setting\tSmall steps' }).waitFor();
  });

  it('show how they did, with the best in a word', async () => {
    await page.getByRole('tab', { name: 'results' }).click();
    const table = page.getByRole('region', { name: 'Results of each trait' });
    const tuned = table.getByRole('row').filter({ hasText: 'loss of the tuned model' });
    await tuned.getByText('best').first().waitFor();
    const figures = await tuned.getByRole('cell').allTextContents();
    const losses = figures.slice(1).map(Number.parseFloat);
    assert.equal(losses.length, 2);
    const best = figures.slice(1).findIndex((text) => text.includes('best'));
    assert.equal(losses[best], Math.min(...losses));
    await assertNoBarriers(visitor, 'results side by side');
  });

  it('grow as they train, over a killed worker, and say what cannot be compared fairly and which has no results', async () => {
    // Read the curves of an open run once in web/src/screens/compare/use-curves.ts, and it fails.
    await page.goto(`/compare?runs=job-${small},job-${interrupted}&x=step`);
    await page.getByText('They do not hold out the same rows').waitFor();
    await page.getByText('They do not train on the same rows').waitFor();
    await jobs.atStep(interrupted, 35);
    await until('the curve to be longer than that of the other run', async () =>
      (await longest('Train loss')) > 30 ? true : null,
    );
    const worker = (await shownWorkers(service)).find(({ current_job_id }) => current_job_id === interrupted);
    assert.ok(worker?.pid, 'a worker trains it');
    process.kill(worker.pid, 'SIGKILL');
    const curvesNow = async () =>
      (await service.call('GET', `/jobs/${interrupted}/curves`)).body as unknown as {
        buckets: { active_s: number[] };
        attempts: { first_step: number; last_step: number; began_at: string; ended_at: string }[];
      };
    const { attempts, buckets } = await until('another worker to go on', async () => {
      const curves = await curvesNow();
      return curves.attempts.length > 1 ? curves : null;
    });
    const [first, second] = attempts;
    assert.ok(first && second);
    await until('the curve to go on', async () => ((await longest('Train loss')) > first.last_step ? true : null));
    await page.getByRole('button', { name: '1 interruption' }).click();
    await page.getByText(`Interrupted (job ${interrupted}), step ${second.first_step}: `).waitFor();
    await page.getByLabel('Axis').selectOption('time');
    await page.getByText('Seconds of training, over all attempts').waitFor();
    const idleS = (Date.parse(second.began_at) - Date.parse(first.ended_at)) / 1000;
    const wholeS = (Date.parse(second.ended_at) - Date.parse(first.began_at)) / 1000;
    const activeS = buckets.active_s.at(-1) ?? 0;
    // What the first steps took, before they were written, is no part of the whole.
    assert.ok(activeS > 0 && activeS < wholeS - idleS + 5, `${activeS} of ${wholeS} s, ${idleS} s without a worker`);
    assert.ok(idleS > 1, `${idleS} s: a lease ran out`);
    await page.getByRole('tab', { name: 'results' }).click();
    await page.getByText('Without results:').waitFor();
    await assertNoBarriers(visitor, 'a comparison of which one run trains');
    await jobs.act(interrupted, 'cancel');
    await page
      .getByRole('article', { name: /^Interrupted/ })
      .getByText('cancelled')
      .first()
      .waitFor();
  });

  it('are named one by one where they cannot be shown, and the rest is there', async () => {
    await page.goto(`/compare?runs=job-${small},job-99999,job-${small},job-${small}.1,job-${large}.7,what`);
    for (const sentence of [
      /job-99999: .*99999/,
      `job-${small} is named more than once. It is shown once.`,
      `job-${small}.1 is a run that is named more than once. It is shown once.`,
      `job ${large} has no run 7.`,
      '“what” names no run.',
      'Fewer than two of these runs are there.',
    ])
      await page.getByText(sentence).waitFor();
    assert.equal(await page.getByRole('article').count(), 1);
    await plot('Train loss').waitFor();
    await assertNoBarriers(visitor, 'a comparison with what is not there');
    await page.goto('/compare');
    await page.getByText('A comparison needs at least two runs.').waitFor();
    await page.goto(`/compare?runs=${Array.from({ length: 9 }, (_, nth) => `job-${small}.${nth + 1}`).join(',')}`);
    await page.getByText(`At most 8 runs are compared at once. Left out: job-${small}.9.`).waitFor();
  });

  it('fit a phone', async () => {
    const phone = await visit(new URL(service.apiUrl).origin, { width: 390, height: 844 });
    const runs = `runs=job-${small},job-${large},job-${interrupted}`;
    for (const address of [`/compare?${runs}`, `/compare?${runs}&tab=settings`, `/compare?${runs}&tab=results`]) {
      await phone.page.goto(address);
      await phone.page.getByRole('article').nth(2).waitFor();
      const width = Number(await phone.page.evaluate('document.documentElement.scrollWidth'));
      assert.ok(width <= 390, `${address} is ${width} px wide`);
      await assertNoBarriers(phone, `${address} on a phone`);
    }
    assert.deepEqual(phone.problems(), []);
    await phone.leave();
  });

  it('have shown no error, no warning, and asked nobody but this service', () => {
    assert.deepEqual(visitor.problems(NOT_THERE), []);
  });
});
