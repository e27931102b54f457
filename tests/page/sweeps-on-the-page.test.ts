import assert from 'node:assert/strict';
import type { Locator } from 'playwright-core';
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
    // Let TrainLossChart draw the best run alone, and its table has one column. Do without useReadingAtEnds() in it, and
    // the last steps never come.
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
    const learnt = page.getByRole('figure', { name: 'Train loss' });
    await learnt.getByText(/^Lowest so far: job \d+, with \d/).waitFor();
    await assertNoBarriers(visitor, 'a sweep that has ended');
    await learnt.getByRole('button', { name: 'Show as table' }).click();
    const steps = learnt.getByRole('region', { name: 'Train loss as a table' }).getByRole('row');
    // The chart reads itself again at the end of a run: until then it has the steps of some seconds ago.
    await steps.nth(6).waitFor();
    assert.equal(await steps.count(), 1 + 6, 'a row for each step');
    for (const { job_id } of (await sweepsOf(service).get(sweep.id)).runs)
      await learnt.getByRole('columnheader', { name: `job ${job_id}`, exact: true }).waitFor();
    await page.getByRole('link', { name: `Job ${winner?.job_id}`, exact: true }).click();
    await page.getByRole('link', { name: `sweep ${sweep.id}`, exact: true }).click();
    await page.getByRole('button', { name: 'Delete, and keep its jobs' }).click();
    await page.getByRole('heading', { name: 'Sweeps' }).waitFor();
    await assertNoBarriers(visitor, 'the list of sweeps');
  });

  it('over mixtures show what these are, and the best of each trait', async () => {
    // Leave Mixtures, or TraitWinners, out of web/src/screens/sweep/sweep.tsx.
    const { page } = visitor;
    const [tools, code] = [
      (await service.upload('tools.csv', csvRows(60, 'tool'))).body.id,
      (await service.upload('code.csv', csvRows(60, 'code'))).body.id,
    ];
    const traits = (weight: number) => [
      { trait_type: 'general_tools', datasets: [{ dataset_id: tools, percentage: 100 }] },
      { trait_type: 'coding', weight, datasets: [{ dataset_id: code, percentage: 100 }] },
    ];
    const mixtures = [
      { name: 'even', traits: traits(1) },
      { name: '<i>code</i>', traits: traits(3) },
    ];
    const { id } = await sweepsOf(service).create({
      name: 'shares',
      project: { base_model: TINY_MODEL, training_type: 'lora', max_rows: 40, max_steps: 2, lora_r: 4, max_length: 64 },
      search: { method: 'grid', mixtures },
    });
    const { winner } = await sweepsOf(service).ended(id);
    await page.goto(`/sweeps/${id}`);
    const region = (name: string) => page.getByRole('region', { name });
    await region('Mixtures').getByRole('rowheader', { name: '<i>code</i>' }).first().waitFor();
    await region('The best of each trait').getByRole('rowheader', { name: 'coding' }).waitFor();
    await page.getByRole('link', { name: `Project ${winner?.project_id}`, exact: true }).waitFor();
    await assertNoBarriers(visitor, 'a sweep over mixtures');
  });

  it('are begun from a form, with a plan beside it, and what is refused at its field', async () => {
    // Leave early_stop out of PLACES (web/src/screens/new/sweep/draft.ts), and its refusal stands at no field. Send the values as one text
    // (listOf beside it), and there is no plan.
    const { page } = visitor;
    await service.upload('swept.csv', csvRows(60));
    await page.goto('/sweeps');
    await page.getByRole('link', { name: 'New sweep' }).click();
    await page.getByText('Choose a dataset.').waitFor();
    await assertNoBarriers(visitor, 'an empty form of a sweep');
    await page.getByRole('textbox', { name: 'Name' }).fill('By form');
    await page.getByRole('combobox', { name: 'Dataset' }).click();
    await page.getByRole('option', { name: /^swept/ }).click();
    await page.getByRole('combobox', { name: 'Base model' }).fill(TINY_MODEL);
    await page.getByRole('option', { name: TINY_MODEL }).click();
    await page.getByRole('combobox', { name: 'Training type' }).selectOption('lora');
    await page.getByRole('textbox', { name: 'Most steps' }).fill('6');
    await page.getByRole('textbox', { name: 'Values of learning_rate' }).fill('0.001, 0.01');
    await page.getByRole('textbox', { name: 'Rungs' }).fill('9');
    const sentence = 'early_stop.rungs has step 9, and job.max_steps is 6. Give steps before it.';
    await page.getByRole('region', { name: 'Plan' }).getByText(sentence).waitFor();
    assert.equal(await page.getByText(sentence).count(), 2, 'in the plan, and at its field');
    await page.getByRole('textbox', { name: 'Rungs' }).fill('3');
    await page.getByText('At step 3 1 of 2 go on.').waitFor();
    await page.getByText('As the draft is now.').waitFor();
    await assertNoBarriers(visitor, 'a form of a sweep with its plan');
    await page.getByRole('button', { name: 'Begin the sweep' }).click();
    await page.getByRole('heading', { name: 'By form' }).waitFor();
    await page.getByText('2 runs, 1 at a time. 0 of 1 rungs are done.').waitFor();
    await page.getByRole('button', { name: 'Cancel', exact: true }).click();
    await page.getByRole('button', { name: 'Delete, and keep its jobs' }).waitFor();
  });

  it('of a project over mixtures are begun from the same form, by keyboard as well', async () => {
    // Leave the percentage out of mixtureOf (web/src/screens/new/sweep/mixtures.ts), or send each mixture the same ones, and nothing is planned,
    // or the mixtures shown in the end are equal. Let placeInMixtures find no share, and the refusal stands in the plan alone.
    const { page } = visitor;
    for (const word of ['read', 'write']) await service.upload(`${word}.csv`, csvRows(60, word));
    await page.goto('/new/sweep');
    await page.getByRole('combobox', { name: 'Each run is' }).selectOption('project');
    await page.getByText('Give mixture 2 a name.').waitFor();
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill('How much to write');
    await page.getByRole('button', { name: 'Add a dataset' }).click();
    for (const [nth, word] of ['read', 'write'].entries()) {
      await page.getByRole('combobox', { name: `Dataset ${nth + 1} of General and tools` }).click();
      await page.getByRole('option', { name: new RegExp(`^${word}`) }).click();
    }
    await page.getByRole('combobox', { name: 'Base model' }).fill(TINY_MODEL);
    await page.getByRole('option', { name: TINY_MODEL }).click();
    await page.getByRole('combobox', { name: 'Training type' }).selectOption('lora');
    await page.getByRole('textbox', { name: 'Most steps' }).fill('2');
    await page.getByRole('textbox', { name: 'Most rows' }).fill('40');
    await page.getByRole('textbox', { name: 'Name of mixture 1' }).fill('even');
    // From here on with the keyboard alone.
    await page.getByRole('textbox', { name: 'Name of mixture 2' }).focus();
    await page.keyboard.type('even');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.type('much');
    const plan = page.getByRole('region', { name: 'Plan' });
    const share = page.getByRole('textbox', { name: /^Percent of write.* mixture 2$/ });
    await assertRefusedAt(share, 'percentage is "much"');
    await assertNoBarriers(visitor, 'a refused mixture');
    await page.keyboard.press('ControlOrMeta+a');
    await page.keyboard.type('180');
    const name = page.getByRole('textbox', { name: 'Name of mixture 2' });
    await assertRefusedAt(name, 'is "even", as of an earlier one');
    await name.focus();
    await page.keyboard.press('ControlOrMeta+a');
    await page.keyboard.type('<i>write</i>');
    // Nothing is left for the other one.
    await assertRefusedAt(page.getByRole('textbox', { name: /^Percent of read.* mixture 2$/ }), 'percentage 0 of');
    await share.focus();
    await page.keyboard.press('ControlOrMeta+a');
    await page.keyboard.type('80');
    await plan.getByText('2 runs').waitFor();
    await plan.getByText('As the draft is now.').waitFor();
    await page.getByRole('button', { name: 'Begin the sweep' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'How much to write' }).waitFor();
    const mixtures = page.getByRole('region', { name: 'Mixtures' });
    await mixtures.getByRole('row', { name: /^even general_tools 1 50 % of .* 50 % of/ }).waitFor();
    await mixtures.getByRole('row', { name: /^<i>write<\/i> general_tools 1 20 % of .* 80 % of/ }).waitFor();
    await page.getByRole('button', { name: 'Cancel', exact: true }).click();
    await page.getByRole('button', { name: 'Delete, and keep its projects' }).waitFor();
  });
});

/** Beside the field itself, and not in the plan alone. */
async function assertRefusedAt(field: Locator, sentence: string): Promise<void> {
  const page = field.page();
  await field.and(page.locator('[aria-invalid=true]')).waitFor();
  const ids = (await field.getAttribute('aria-describedby')) ?? '';
  const texts = await Promise.all(ids.split(' ').map((id) => page.locator(`[id="${id}"]`).textContent()));
  assert.ok(texts.join().includes(sentence), texts.join());
}
