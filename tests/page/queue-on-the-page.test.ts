import assert from 'node:assert/strict';
import { Host } from '../../src/models/pool/host.ts';
import { Worker } from '../../src/models/pool/worker.ts';
import { type ApiOnly, startTestApi } from '../support/api.ts';
import { assertNoBarriers, describePage, type Visitor } from '../support/browser.ts';
import { startTestDatabase, type TestDatabase } from '../support/database.ts';
import { csvRows } from '../support/rows.ts';
import { addWorkers } from '../support/runs.ts';
import { TINY_MODEL, until } from '../support/service.ts';
import { putTinyModel } from '../support/tiny-models.ts';

const TRACKED = { mlflowUrl: undefined, wandbDir: '/nowhere/wandb', trackioDir: '/nowhere/trackio' };

describePage('the queue on the page', (visit) => {
  let database: TestDatabase;
  let api: ApiOnly;
  /** Another one of the same service, with trackers. */
  let tracked: ApiOnly;
  let visitor: Visitor;
  let dataset_id: number;
  const jobs: number[] = [];

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database, { mlflowUrl: undefined, wandbDir: undefined, trackioDir: undefined });
    tracked = await startTestApi(database, { ...TRACKED, modelCache: api.env.modelCache });
    await putTinyModel(api.env, 'tiny-random');
    dataset_id = Number((await api.upload('rows.csv', csvRows(40))).body.id);
    visitor = await visit(api.url);
    visitor.page.setDefaultTimeout(20_000);
    await visitor.page.goto('/queue');
    await visitor.page.getByText('No run waits to be trained.').waitFor();
    for (const name of ['<b>first</b>', 'second', 'third'])
      jobs.push(Number((await api.call('POST', '/jobs/', { name, dataset_id, model_name: TINY_MODEL })).body.id));
  });

  after(async () => {
    await api?.close();
    await tracked?.close();
    await database?.remove();
  });

  const line = () => visitor.page.getByRole('region', { name: 'The line' });
  const names = async () => {
    const rows = await line().getByRole('row').allInnerTexts();
    return rows.slice(1).map((row) => /<b>first<\/b>|second|third/.exec(row)?.[0]);
  };
  const shown = (...wanted: string[]) =>
    until(`the line to be ${wanted}`, async () => (String(await names()) === String(wanted) ? true : null), 30_000);
  const press = (label: string, job: number | undefined) =>
    visitor.page.getByRole('button', { name: `${label}: job ${job}`, exact: true }).press('Enter');

  it('is the line in its order, with why each waits; runs go to the front, are held and released, by keyboard', async () => {
    // Send `front` of another run in web/src/parts/queue/queue-actions.tsx, or leave `holds` out of queue.tsx.
    await shown('<b>first</b>', 'second', 'third');
    await line().getByText('It waits behind 2 others. There is no worker: start one.').waitFor();
    await assertNoBarriers(visitor, 'the queue');
    await press('To the front', jobs[2]);
    await shown('third', '<b>first</b>', 'second');
    await press('Hold', jobs[2]);
    await line()
      .getByText(/^It is held\./)
      .waitFor();
    await press('Release', jobs[2]);
    await line()
      .getByText(/^It is held\./)
      .waitFor({ state: 'detached' });
  });

  it('has a question for the rest, with what holds now, and says a refusal where it was asked', async () => {
    // Leave the error out of the fields' `at` in queue-actions.tsx, and the sentence stands nowhere near its field.
    const { page } = visitor;
    await press('When it begins', jobs[1]);
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Priority').selectOption('high');
    await dialog.getByLabel('After', { exact: true }).fill('the third');
    await dialog.getByText('After: the third names no run. Write it as job-3 or project-2.').waitFor();
    await assertNoBarriers(visitor, 'the question with a problem');
    await dialog.getByLabel('After', { exact: true }).fill('job-4711');
    await dialog.getByRole('button', { name: 'Change it' }).press('Enter');
    await dialog.getByText(/4711/).waitFor();
    await assertNoBarriers(visitor, 'the question with a refusal');
    await dialog.getByLabel('After', { exact: true }).fill(`job-${jobs[0]}`);
    await dialog.getByLabel('Not before').fill('2999-01-31T22:00');
    await dialog.getByRole('button', { name: 'Change it' }).press('Enter');
    await dialog.waitFor({ state: 'detached' });
    await line().getByText(`It begins after job ${jobs[0]}, which is pending.`).waitFor();
    const { body } = await api.call('GET', `/jobs/${jobs[1]}`);
    const local = await page.evaluate(`new Date('2999-01-31T22:00').toISOString()`);
    assert.deepEqual([body.priority, body.not_before, body.after], ['high', local, { job_id: jobs[0] }]);
    await press('When it begins', jobs[1]);
    assert.equal(await dialog.getByLabel('Not before').inputValue(), '2999-01-31T22:00');
    assert.equal(await dialog.getByLabel('After', { exact: true }).inputValue(), `job-${jobs[0]}`);
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
  });

  it('shows a run its place on its own page, with the same questions', async () => {
    // Leave Place out of web/src/screens/run/run.tsx.
    const { page } = visitor;
    await line().getByRole('link', { name: 'third' }).click();
    const place = page.getByRole('region', { name: 'Its place in the queue' });
    await place.getByText('Place 1 in the line, with normal priority').waitFor();
    await assertNoBarriers(visitor, 'a run that waits');
    await press('When it begins', jobs[2]);
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Priority').selectOption('low');
    await dialog.getByRole('button', { name: 'Change it' }).click();
    await place.getByText('Place 2 in the line, with low priority').waitFor();
    await place.getByRole('link', { name: 'The queue' }).click();
    await shown('second', '<b>first</b>', 'third');
  });

  it('scrolls its table, and not the page, where it is narrow', async () => {
    // Take DataTable out of web/src/screens/queue/queue.tsx for a bare Table.
    const narrow = await visit(api.url, { width: 360, height: 740 });
    await narrow.page.goto('/queue');
    await narrow.page.getByRole('region', { name: 'The line' }).waitFor();
    assert.equal(
      await narrow.page.evaluate('document.documentElement.scrollWidth <= document.documentElement.clientWidth'),
      true,
    );
    await assertNoBarriers(narrow, 'the narrow queue');
    await narrow.leave();
  });

  it('takes what a new run is asked to wait for', async () => {
    // Leave whenOf out of web/src/screens/new/request.ts.
    const { page } = visitor;
    await page.goto(`/new/job?from=job-${jobs[0]}`);
    await page.getByLabel('Name').fill('by the form');
    await page.getByRole('button', { name: 'When it begins' }).press('Enter');
    await page.getByLabel('Priority').selectOption('low');
    await page.getByLabel('After', { exact: true }).fill('here');
    await page.getByRole('button', { name: 'Create and start' }).click();
    await page.getByText('After: here names no run. Write it as job-3 or project-2.').first().waitFor();
    await page.getByLabel('After', { exact: true }).fill(`job-${jobs[2]}`);
    await assertNoBarriers(visitor, 'the form of a new run with its wait');
    await page.getByRole('button', { name: 'Create and start' }).click();
    await page.getByRole('region', { name: 'Its place in the queue' }).getByText(`after job-${jobs[2]}`).waitFor();
    const id = Number(new URL(page.url()).pathname.split('/').at(-1));
    const { body } = await api.call('GET', `/jobs/${id}`);
    assert.deepEqual([body.priority, body.after], ['low', { job_id: jobs[2] }]);
  });

  it('asks of a project that is not started when it is to begin', async () => {
    // Leave `change` of WhenItBegins out of web/src/screens/run/start.tsx, or `now`.
    const { page } = visitor;
    const traits = [{ trait_type: 'coding', datasets: [{ dataset_id, percentage: 100 }] }];
    const body = { name: 'later', base_model: TINY_MODEL, output_directory: 'later', traits, priority: 'low' };
    const { id } = (await api.call('POST', '/projects/', body)).body;
    await page.goto(`/projects/${id}`);
    const when = page.getByRole('region', { name: 'When it begins' });
    await when.getByText('It is started with low priority.').waitFor();
    await when.getByRole('button', { name: `When it begins: project ${id}` }).press('Enter');
    const dialog = page.getByRole('dialog');
    assert.equal(await dialog.getByLabel('Priority').inputValue(), 'low');
    await dialog.getByLabel('Priority').selectOption('high');
    await dialog.getByLabel('After', { exact: true }).fill(`job-${jobs[0]}`);
    await dialog.getByRole('button', { name: 'Change it' }).press('Enter');
    await when.getByText(`It is started with high priority; after job-${jobs[0]}.`).waitFor();
    await assertNoBarriers(visitor, 'a project that is not started');
  });

  it('moves the runs of a sweep on its page', async () => {
    // Leave SweepQueue out of web/src/screens/sweep/sweep.tsx, or send `{}` in place of the change.
    const { page } = visitor;
    const search = { method: 'grid', hyperparameters: { learning_rate: [0.0001, 0.0002] } };
    const job = { dataset_id, model_name: TINY_MODEL };
    const { id } = (await api.call('POST', '/sweeps/', { name: 'moved', job, search })).body;
    await page.goto(`/sweeps/${id}`);
    const place = page.getByRole('region', { name: 'Its runs in the queue' });
    await place.getByText('2 runs wait, with normal priority.').waitFor();
    await assertNoBarriers(visitor, 'a sweep that waits');
    await place.getByRole('button', { name: `When it begins: sweep ${id}` }).press('Enter');
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Priority').selectOption('high');
    await dialog.getByRole('button', { name: 'Change it' }).press('Enter');
    await place.getByText('2 runs wait, with high priority.').waitFor();
  });

  it('is emptied of a machine on the overview, once it was said what that does', async () => {
    // Send 'finish' whatever was chosen (web/src/screens/overview/drain.tsx).
    const { page } = visitor;
    await Host.report({ name: 'gpu-1', agentPid: 1, devices: ['cuda:0'], startedAt: new Date() });
    await page.goto('/');
    const machine = page.getByRole('region', { name: 'Machines' });
    await machine.getByRole('button', { name: 'Drain gpu-1' }).press('Enter');
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Save what is trained there now').check();
    await assertNoBarriers(visitor, 'the question before a drain');
    await dialog.getByRole('button', { name: 'Drain', exact: true }).click();
    await machine.getByText('drained', { exact: true }).waitFor();
    assert.equal((await Host.findByPk('gpu-1'))?.drain, 'move');
    await assertNoBarriers(visitor, 'a drained machine');
    await machine.getByRole('button', { name: 'Undrain gpu-1' }).click();
    await machine.getByRole('button', { name: 'Drain gpu-1' }).waitFor();
    assert.deepEqual(visitor.problems(/400|404/), []);
  });

  it('empties one worker on the overview, and ends that', async () => {
    // Give DrainButton `drainHost` of workers as well (web/src/screens/overview/drain.tsx).
    const { page } = visitor;
    await addWorkers(1);
    const [worker] = await Worker.findAll();
    await page.goto('/');
    const workers = page.getByRole('region', { name: 'Each worker' });
    await workers.getByRole('button', { name: `Drain ${worker?.id}` }).press('Enter');
    await page.getByRole('dialog').getByText('No run begins on it until you undrain it').waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Drain', exact: true }).click();
    await workers.getByRole('button', { name: `Undrain ${worker?.id}` }).waitFor();
    await workers.getByText(/^(drained|draining)$/).waitFor();
    assert.equal((await worker?.reload())?.drain, 'finish');
    await assertNoBarriers(visitor, 'a drained worker');
    await workers.getByRole('button', { name: `Undrain ${worker?.id}` }).click();
    await workers.getByRole('button', { name: `Drain ${worker?.id}`, exact: true }).waitFor();
    assert.equal((await worker?.reload())?.drain, null);
  });

  it('offers in each form the trackers that are configured, sends those that were chosen, and lets one that is gone be taken out', async () => {
    // Leave `trackers` out of commonOf (web/src/screens/new/request.ts) or of requestOf (sweep/draft.ts), and nobody is told; out of draftOf,
    // and the copy has none; out of placesIn (problems.ts), and the refusal stands above alone. Offer all that there are, and MLflow is.
    const other = await visit(tracked.url);
    const { page } = other;
    page.setDefaultTimeout(20_000);
    const group = page.getByRole('group', { name: 'Trackers' });
    const chosenOf = async (path: string) => (await api.call('GET', path)).body.trackers;
    const choose = async (label: string) => {
      await page.getByRole('combobox', { name: label, exact: true }).click();
      await page.getByRole('option', { name: /^rows/ }).click();
    };
    const created = async (button: string) => {
      await page.getByRole('button', { name: button }).click();
      await page.waitForURL(/\/(jobs|projects|sweeps)\/\d+$/);
      return new URL(page.url()).pathname;
    };

    await page.goto(`/new/job?from=job-${jobs[0]}`);
    await page.getByLabel('Name').fill('tracked');
    await group.getByLabel('trackio').check();
    const offered = await group
      .getByRole('checkbox')
      .evaluateAll((boxes) => boxes.map((box) => box.getAttribute('value')));
    assert.deepEqual(offered, ['wandb', 'trackio']);
    await assertNoBarriers(other, 'a form with trackers');
    const job = await created('Create and start');
    assert.deepEqual(await chosenOf(job), ['trackio']);

    await page.goto('/new/project');
    await page.getByLabel('Name').fill('tracked');
    await page.getByRole('checkbox', { name: 'Coding', exact: true }).check();
    await choose('Dataset of Coding');
    await page.getByLabel('Start it now').uncheck();
    await group.getByLabel('Weights & Biases').check();
    assert.deepEqual(await chosenOf(await created('Create')), ['wandb']);

    await page.goto('/new/sweep');
    await page.getByRole('textbox', { name: 'Name' }).fill('tracked');
    await choose('Dataset');
    await page.getByRole('combobox', { name: 'Base model' }).fill(TINY_MODEL);
    await page.getByRole('option', { name: TINY_MODEL }).click();
    await page.getByRole('textbox', { name: 'Values of learning_rate' }).fill('0.001, 0.01');
    await group.getByLabel('Weights & Biases').check();
    await group.getByLabel('trackio').check();
    const { runs } = (await api.call('GET', await created('Begin the sweep'))).body as { runs: { job_id: number }[] };
    for (const { job_id } of runs) assert.deepEqual(await chosenOf(`/jobs/${job_id}`), ['wandb', 'trackio']);

    await other.leave();
    // The same database, where none is configured.
    await visitor.page.goto(`/new/job?from=job-${jobs[0]}`);
    await visitor.page.getByLabel('Name').waitFor();
    const there = visitor.page.getByRole('group', { name: 'Trackers' });
    assert.equal(await there.count(), 0);
    await visitor.page.goto(`/new/job?from=job-${job.split('/').at(-1)}`);
    await visitor.page.getByLabel('Name').fill('tracked no more');
    await visitor.page.getByRole('button', { name: 'Create and start' }).click();
    // Beside the group, in what holds both.
    await there
      .locator('..')
      .getByText(/^trackers: "trackio" is not configured here\./)
      .waitFor();
    await there.getByLabel('trackio, not configured any more').click();
    await there.waitFor({ state: 'detached' });
    await visitor.page.getByRole('button', { name: 'Create and start' }).click();
    await visitor.page.waitForURL(/\/jobs\/\d+$/);
    assert.deepEqual(await chosenOf(new URL(visitor.page.url()).pathname), []);
  });
});
