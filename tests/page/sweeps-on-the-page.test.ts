import { assertNoBarriers, describePage, type Visitor } from '../support/browser.ts';
import { csvRows } from '../support/rows.ts';
import { startTestService, type TestService, TINY_MODEL } from '../support/service.ts';
import { sweepsOf } from '../support/sweeps.ts';

describePage('sweeps on the page', (visit) => {
  let service: TestService;
  let remove: () => Promise<void>;
  let visitor: Visitor;

  before(async () => {
    ({ service, remove } = await startTestService());
    visitor = await visit(new URL(service.apiUrl).origin);
  });
  after(() => remove?.());

  it('show their runs with what varies, the losses over each other, why one was stopped, and the winner', async () => {
    // Let ranked() of web/src/screens/sweep/ranked.ts put the run that came furthest last, and the first row is not the winner's.
    const { page } = visitor;
    const dataset_id = (await service.upload('rows.csv', csvRows(60))).body.id;
    const job = { dataset_id, model_name: TINY_MODEL, training_type: 'lora', max_steps: 6, lora_r: 4, max_length: 64 };
    const sweep = await sweepsOf(service).create({
      name: '<b>rates</b>',
      job,
      search: { method: 'grid', hyperparameters: { learning_rate: [0.0001, 0.05] } },
      early_stop: { method: 'halving', rungs: [3] },
    });
    await page.goto('/sweeps');
    await page.getByRole('link', { name: '<b>rates</b>' }).click();
    await page.getByText('2 runs, 1 at a time. 0 of 1 rungs are done.').waitFor();
    await page.getByRole('button', { name: 'Pause', exact: true }).click();
    await page.getByRole('button', { name: 'Resume', exact: true }).click();
    await page.getByRole('button', { name: 'Pause', exact: true }).waitFor();
    await assertNoBarriers(visitor, 'a sweep that begins');
    await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
    const { winner } = await sweepsOf(service).ended(sweep.id);
    await page.getByRole('alert').getByText(`Job ${winner?.job_id} has the lowest held-out loss of 2 runs`).waitFor();
    const rows = page.getByRole('region', { name: 'Runs of the sweep, the best first' }).getByRole('row');
    await rows.nth(1).getByText('winner').waitFor();
    await rows.nth(2).getByText('Stopped at step 3 by sweep').waitFor();
    await page.getByRole('slider', { name: /^Held-out loss while they train by step/ }).waitFor();
    await assertNoBarriers(visitor, 'a sweep that has ended');
    await page.getByRole('link', { name: `Job ${winner?.job_id}`, exact: true }).click();
    await page.getByRole('link', { name: `sweep ${sweep.id}`, exact: true }).click();
    await page.getByRole('button', { name: 'Delete, and keep its jobs' }).click();
    await page.getByRole('heading', { name: 'Sweeps' }).waitFor();
    await assertNoBarriers(visitor, 'the list of sweeps');
  });
});
