import assert from 'node:assert/strict';
import { assertNoBarriers, describePage, type Visitor } from '../support/browser.ts';
import { settledPool } from '../support/hosts.ts';
import { csvRows } from '../support/rows.ts';
import { startTestService, type TestService, TINY_MODEL, until } from '../support/service.ts';

const PROJECT = {
  name: 'Gated',
  base_model: TINY_MODEL,
  training_type: 'standard',
  output_directory: 'gated',
  max_rows: 80,
  max_steps: 2,
  // No model is better by so much.
  gate: { conditions: [{ against: 'base', metric: 'loss', better_by: 50 }] },
  traits: [{ trait_type: 'coding', datasets: [{ dataset_id: 1, percentage: 100 }] }],
};

describePage('versions on the page', (visit) => {
  let service: TestService;
  let remove: () => Promise<void>;
  let visitor: Visitor;

  before(async () => {
    ({ service, remove } = await startTestService());
    await service.upload('rows.csv', csvRows(100));
    await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
    await settledPool(service, 1);
    await service.call('POST', '/projects/', PROJECT);
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

  it('says at a condition what the service refuses of it', async () => {
    // Leave the conditions out of placesIn (web/src/screens/new/problems.ts), and it stands above the form alone.
    const { page } = visitor;
    const condition = page.getByRole('group', { name: 'Condition 1' });
    await condition.getByRole('combobox', { name: 'Traits' }).click();
    await page.getByRole('option', { name: 'Coding' }).click();
    await page.getByRole('checkbox', { name: 'Coding', exact: true }).uncheck();
    await page.getByRole('checkbox', { name: 'Reasoning', exact: true }).check();
    await page.getByRole('combobox', { name: 'Dataset of Reasoning' }).click();
    await page.getByRole('option', { name: /rows\.csv/ }).click();
    await page.getByLabel('Start it now').uncheck();
    await page.getByRole('button', { name: 'Create', exact: true }).click();
    await condition.getByText('gate.conditions[0].traits has coding, and the project has reasoning').waitFor();
    assert.deepEqual(visitor.problems(/400/), []);
    await page.getByRole('button', { name: 'Begin anew' }).click();
  });

  it('changes the gate of a project, takes it away, and sets one before the first run', async () => {
    // Let changeGate (web/src/api/versions.ts) send nothing, or the form forget Problem, and it fails.
    const { page } = visitor;
    const gateOf = async (id: number) => (await service.call('GET', `/projects/${id}`)).body.gate;
    await page.goto('/projects/1?tab=versions');
    const gate = page.getByRole('region', { name: 'Gate' });
    const was = 'The held-out loss must be better by more than 50 than that of the base model, on each trait.';
    await gate.getByText(was).waitFor();
    await assertNoBarriers(visitor, 'a gate');
    await gate.getByRole('button', { name: 'Change the gate' }).click();
    const by = gate.getByRole('textbox', { name: 'By', exact: true });
    const save = gate.getByRole('button', { name: 'Save the gate' });
    await by.fill('-1');
    await gate.getByText('The bound of the gate is -1.').waitFor();
    assert.equal(await save.isDisabled(), true);
    await by.fill('0.5');
    for (let more = 0; more < 20; more++) await gate.getByRole('button', { name: 'Add a condition' }).click();
    await save.click();
    await gate.getByRole('alert').getByText('at conditions it must have at most 20 entries').waitFor();
    assert.deepEqual(await gateOf(1), { conditions: [{ against: 'base', metric: 'loss', better_by: 50 }] });
    await gate.getByRole('button', { name: 'Leave it as it is' }).click();
    await gate.getByText(was).waitFor();
    await gate.getByRole('button', { name: 'Change the gate' }).click();
    await by.fill('0.5');
    await assertNoBarriers(visitor, 'the form of a gate');
    await save.click();
    await gate.getByText('better by more than 0.5').waitFor();
    assert.deepEqual(await gateOf(1), { conditions: [{ against: 'base', metric: 'loss', better_by: 0.5 }] });
    await gate.getByRole('button', { name: 'Change the gate' }).click();
    await gate.getByRole('button', { name: 'Remove condition 1' }).click();
    await gate.getByRole('button', { name: 'Remove the gate' }).click();
    await gate.getByText('There is none: each run that completes becomes the latest version.').waitFor();
    assert.equal(await gateOf(1), null);
    const { name: _, gate: __, ...asked } = PROJECT;
    const { body: fresh } = await service.call('POST', '/projects/', { name: 'Not started', ...asked });
    await page.goto(`/projects/${fresh.id}`);
    await gate.getByRole('button', { name: 'Set a gate' }).click();
    await gate.getByRole('button', { name: 'Add a condition' }).click();
    await save.click();
    await gate.getByText('The held-out loss must be no worse by more than 0.02').waitFor();
    assert.deepEqual(visitor.problems(/400|422/), []);
  });

  it('of all weights offer no export of an adapter', async () => {
    // Let exportFormatsOf (src/models/exports/export.ts) leave nothing out, or the page offer whatever there is (OTHER_FORMATS).
    const { page } = visitor;
    await page.goto('/projects/1?tab=report');
    const exports = page.getByRole('region', { name: 'Exports' });
    await exports.getByRole('button', { name: 'Model in 4 bits (bitsandbytes)' }).waitFor();
    assert.equal(await exports.getByRole('button', { name: 'Adapter as GGUF' }).count(), 0);
  });
});
