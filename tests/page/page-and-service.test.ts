import assert from 'node:assert/strict';
import { transition } from '../../src/models/runs/transition.ts';
import { type ApiOnly, startTestApi } from '../support/api.ts';
import { assertNoBarriers, describePage } from '../support/browser.ts';
import { startTestDatabase, type TestDatabase } from '../support/database.ts';
import { buildRun } from '../support/runs.ts';

const KEY = 'a-key-of-this-service';

/** The API over a real database; Temporal is away, which the page says. */
describePage('the page and its service', (visit) => {
  let database: TestDatabase;
  let api: ApiOnly;

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database, { apiKeys: [KEY] });
  });

  after(async () => {
    await api?.close();
    await database?.remove();
  });

  it('ask for a key where there is one, take no wrong one, keep the right one over a reload, and forget it', async () => {
    const visitor = await visit(api.url);
    const { page } = visitor;
    await page.goto('/runs?status=open');
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await assertNoBarriers(visitor, 'the sign-in');
    await page.getByLabel('API key').fill('a wrong one');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('none of this service').waitFor();
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
    const { page, leave } = await visit(api.url);
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
    const first = await visit(api.url);
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

  it('show what a GPU said of itself at each step, and nothing of the kind for a CPU', async () => {
    // Leave `device` out of knownFigures in web/src/screens/run/device-curves.tsx, and there is no such curve.
    const [run, onCpu] = [await buildRun(database), await buildRun(database)];
    const device = (power: string) =>
      `jsonb_build_object('utilization_percent', 90, 'temperature_c', 61, 'power_w', ${power})`;
    for (const [{ id }, said] of [
      [run, device('250 + step')],
      [onCpu, 'NULL'],
    ] as const)
      await database.sequelize.query(
        `INSERT INTO run_metrics (run_id, lease_epoch, step, epoch, loss, device) SELECT ${id}, 1, step, 1, 1.0 / step, ${said} FROM generate_series(1, 20) AS step`,
      );
    const visitor = await visit(api.url);
    const { page } = visitor;
    await page.goto(`/jobs/${run.job_id}`);
    await page.getByLabel('API key').fill(KEY);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('Last 270 W.').waitFor();
    await page.getByRole('slider', { name: /^GPU temperature by step/ }).waitFor();
    assert.equal(
      await page.getByRole('slider', { name: /^GPU memory/ }).count(),
      0,
      'what it did not say is not drawn',
    );
    await assertNoBarriers(visitor, 'the curves of a GPU');
    const told = page.waitForResponse(/\/metrics\?/);
    await page.goto(`/jobs/${onCpu.job_id}`);
    await page.getByRole('slider', { name: /^Loss by step/ }).waitFor();
    await (await told).finished();
    assert.equal(await page.getByRole('slider', { name: /^GPU/ }).count(), 0);
    await visitor.leave();
  });
});
