import assert from 'node:assert/strict';
import { list } from 'tar';
import { assertNoBarriers, describePage, drop, type Visitor } from '../support/browser.ts';
import { csvRows } from '../support/rows.ts';
import { startTestService, TINY_MODEL } from '../support/service.ts';

describePage('from an empty service to a model', (visit) => {
  let origin: string;
  let remove: () => Promise<void>;
  let visitor: Visitor;

  before(async () => {
    const { service, remove: removeService } = await startTestService();
    remove = removeService;
    origin = new URL(service.apiUrl).origin;
    visitor = await visit(origin);
  });

  after(async () => {
    await remove?.();
  });

  it('it takes a file, a training and a worker, by the page alone; a reload at each of them loses nothing', async () => {
    // Let `keep` in web/src/parts/storage.ts keep nothing, and a reload loses the draft.
    const { page } = visitor;
    const step = (name: string) => page.getByRole('listitem').filter({ hasText: name });
    await page.goto('/');
    await step('A dataset').getByText('next').waitFor();
    await step('A dataset').getByRole('link').click();
    await page.getByText('There is no dataset yet').waitFor();
    await drop(page, [{ name: 'questions.csv', content: csvRows(40) }]);
    await page.getByRole('region', { name: 'Uploads' }).getByRole('status').getByText('1 uploaded').waitFor();
    await page.getByRole('link', { name: 'Overview' }).click();
    await page.reload();
    await step('A dataset').getByText('done').waitFor();
    await step('A training').getByRole('link').click();
    await page.getByRole('link', { name: 'A job' }).click();
    for (const [label, part, option] of [
      ['Dataset', 'questions', /questions/],
      ['Base model', 'tiny-random', TINY_MODEL],
    ] as const) {
      const field = page.getByRole('combobox', { name: label, exact: true });
      await field.click();
      await field.fill(part);
      await page.getByRole('option', { name: option }).first().click();
    }
    await page.getByRole('textbox', { name: 'Name' }).fill('First model');
    await page.getByLabel('Epochs').fill('2');
    await page
      .getByRole('region', { name: 'Plan' })
      .getByText(/rows to train on/)
      .waitFor();
    await page.reload();
    assert.equal(await page.getByLabel('Epochs').inputValue(), '2', 'the draft is kept');
    await page.getByRole('button', { name: 'Create and start' }).click();
    await page.waitForURL(/\/jobs\/1$/);
    await page.getByText('waits for a worker').first().waitFor();
    await assertNoBarriers(visitor, 'a run that waits for a worker');
    await page.getByRole('link', { name: 'Overview' }).click();
    await page.getByRole('button', { name: 'Start workers' }).click();
    await page.getByRole('link', { name: 'First model' }).first().click();
    await page.reload();
    await page
      .getByText(/completed$/)
      .first()
      .waitFor({ timeout: 240_000 });
    await page.getByRole('tab', { name: 'report' }).click();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: /^Download the model \(/ }).click(),
    ]);
    const names: string[] = [];
    await list({ file: await download.path(), onReadEntry: ({ path }) => names.push(path) });
    for (const part of ['/config.json', '/adapter/adapter_model.safetensors', '/README.md', '/manifest.json'])
      assert.ok(
        names.some((name) => name.endsWith(part)),
        `${part} is in ${names.join(', ')}`,
      );
    assert.deepEqual(visitor.problems(), []);
  });
});
