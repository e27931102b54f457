import assert from 'node:assert/strict';
import { assertNoBarriers, describePage, type Visitor } from '../support/browser.ts';
import { settledPool } from '../support/hosts.ts';
import { csvRows } from '../support/rows.ts';
import { startTestService, type TestService, TINY_MODEL, until } from '../support/service.ts';

describePage('versions on the page', (visit) => {
  let service: TestService;
  let remove: () => Promise<void>;
  let visitor: Visitor;

  before(async () => {
    ({ service, remove } = await startTestService());
    const { body: dataset } = await service.upload('rows.csv', csvRows(100));
    await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
    await settledPool(service, 1);
    await service.call('POST', '/projects/', {
      name: 'Gated',
      base_model: TINY_MODEL,
      training_type: 'standard',
      output_directory: 'gated',
      max_rows: 80,
      max_steps: 2,
      // No model is better by so much.
      gate: { conditions: [{ against: 'base', metric: 'loss', better_by: 50 }] },
      traits: [{ trait_type: 'coding', datasets: [{ dataset_id: dataset.id, percentage: 100 }] }],
    });
    await service.call('POST', '/projects/1/start');
    await until('the run to end', async () => {
      const { body } = await service.call('GET', '/projects/1');
      assert.notEqual(body.status, 'failed', String(body.error_message));
      return body.status === 'completed' ? true : null;
    });
    visitor = await visit(new URL(service.apiUrl).origin);
  });
  after(() => remove?.());

  it('says why a model is not served, serves it all the same, and says what cannot be undone', async () => {
    // Leave the summaries of conditions out of web/src/screens/run/versions.tsx, and nobody knows why.
    const { page } = visitor;
    await page.goto('/projects/1');
    await page.getByRole('alert').getByText('Failed: the loss on each trait').waitFor();
    await page.getByRole('tab', { name: 'versions' }).click();
    await page.getByText('No version is served: none has passed the gate.').waitFor();
    const table = page.getByRole('table');
    await table.getByText(/^Failed: the loss on each trait must be better than its base by 50: coding \(/).waitFor();
    await assertNoBarriers(visitor, 'versions');
    await page.getByRole('button', { name: 'Promote version 1' }).click();
    const dialog = page.getByRole('dialog');
    const send = dialog.getByRole('button', { name: 'Promote version 1' });
    assert.equal(await send.isDisabled(), true, 'a reason is needed');
    await dialog.getByLabel('Reason').fill('Tried it by hand');
    await assertNoBarriers(visitor, 'the reason for a promotion');
    await send.click();
    await page.getByText('Version 1 is the latest').waitFor();
    await table.getByText('Tried it by hand').waitFor();
    await page.getByRole('button', { name: 'Roll back' }).click();
    await dialog.getByLabel('Reason').fill('No');
    await dialog.getByRole('button', { name: 'Roll back' }).click();
    await dialog.getByText('Project 1 has no version before 1 to go back to').waitFor();
    // The refusal that was just shown.
    assert.deepEqual(visitor.problems(/400/), []);
  });

  it('takes a gate over into a new project, and says which bound is none', async () => {
    // Leave `gate` out of draftOfProject, and the new project serves whatever completes.
    const { page } = visitor;
    await page.goto('/new/project?from=project-1');
    const first = page.getByRole('group', { name: 'Condition 1' });
    await first.waitFor();
    assert.equal(await first.getByRole('textbox', { name: 'By', exact: true }).inputValue(), '50');
    await page.getByRole('button', { name: 'Add a condition' }).click();
    const second = page.getByRole('group', { name: 'Condition 2' });
    await second.getByRole('textbox', { name: 'By', exact: true }).fill('much');
    await second.getByText('The bound of the gate is much. Write a number from 0 to 100, such as 0.02.').waitFor();
    await assertNoBarriers(visitor, 'the gate of a form');
    await second.getByRole('button', { name: 'Remove condition 2' }).click();
    await page.getByText('The request, for scripts').click();
    await page.getByText('"better_by": 50').first().waitFor();
  });
});
