import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import { assertNoBarriers, describePage, drop, type Visitor } from '../support/browser.ts';
import { csvRows } from '../support/rows.ts';
import { startTestService, type TestService, TINY_MODEL, until } from '../support/service.ts';

/** What a page would run, were it careless. */
const HTML = '<img src=x onerror="document.title=1"><script>document.title=2</script>';
const HEBREW = 'שלום עולם, מה שלומך היום?';
const LONG = 'long '.repeat(2_000);
const CELLS = [
  [HTML, 'It is text, and stays text.'],
  [HEBREW, 'תשובה קצרה.'],
  [LONG, 'A short answer to a long question.'],
  ['', 'An answer to nothing.'],
  ['Is that all?', 'That is all.'],
];
const csvOf = (rows: string[][]) =>
  ['frage,antwort', ...rows.map((cells) => cells.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(','))].join(
    '\n',
  );

describePage('datasets on the page', (visit) => {
  let service: TestService;
  let remove: () => Promise<void>;
  let visitor: Visitor;
  let page: Page;

  before(async () => {
    ({ service, remove } = await startTestService());
    visitor = await visit(new URL(service.apiUrl).origin);
    page = visitor.page;
    page.setDefaultTimeout(15_000);
  });

  after(async () => {
    await remove?.();
  });

  const uploads = () => page.getByRole('region', { name: 'Uploads' });
  const ended = (sentence: string | RegExp) => uploads().getByRole('status').getByText(sentence).waitFor();

  it('come by a file that is dropped, and say when nothing tells what their columns are', async () => {
    await page.goto('/datasets');
    await page.getByText('There is no dataset yet').waitFor();
    await assertNoBarriers(visitor, 'no datasets');
    await drop(page, [{ name: 'fragen.csv', content: csvOf(CELLS) }]);
    await ended('1 uploaded');
    await assertNoBarriers(visitor, 'an upload that has ended');
    await page.getByRole('link', { name: 'say what its columns are' }).click();
    // Never fold it in web/src/parts/shell/uploads-panel.tsx, and it hides a part of every screen.
    await uploads().getByRole('list').waitFor({ state: 'hidden' });
    await page.getByText('Its rows are no conversations yet').waitFor();
    await page.getByRole('button', { name: 'Clear', exact: true }).click();
    await assertNoBarriers(visitor, 'no mapping');
  });

  it('get a mapping, which is tried on every row before it is saved, and is there after a reload', async () => {
    await page.getByLabel('prompt', { exact: true }).selectOption('frage');
    await page.getByLabel('completion', { exact: true }).selectOption('antwort');
    await page.getByText('4 of 5 rows can be trained on.').waitFor();
    await page.reload();
    const reasons = page.getByRole('region', { name: 'Unusable rows by reason' });
    await reasons.getByText('the prompt is empty').waitFor();
    await reasons.getByRole('button', { name: 'row 3' }).waitFor();
    await assertNoBarriers(visitor, 'a mapping that is tried');
    assert.equal((await service.call('GET', '/datasets/1')).body.mapping, null, 'it is only tried');
    await page.getByRole('button', { name: 'Save this mapping' }).click();
    await page.getByText('Saved.').waitFor();
    assert.deepEqual((await service.call('GET', '/datasets/1')).body.mapping, {
      prompt: 'frage',
      completion: 'antwort',
    });
    assert.equal(new URL(page.url()).search, '?tab=mapping');
  });

  it('show rows as conversations and as stored: never as HTML, in their own direction, clipped where they are long', async () => {
    await page.getByRole('tab', { name: 'Rows' }).click();
    const row = (number: number) => page.getByRole('article', { name: `Row ${number}`, exact: true });
    await row(0).getByText(HTML).waitFor();
    const title = await page.title();
    assert.match(title, /^fragen/);
    assert.equal(await row(0).locator('img').count(), 0);
    await row(1).getByText(HEBREW).waitFor();
    const direction = await page.evaluate(
      `getComputedStyle(document.querySelector('[aria-label="Row 1"] .message .user-text')).direction`,
    );
    assert.equal(direction, 'rtl');
    const shownOf = async () => ((await row(2).textContent()) ?? '').length;
    assert.ok((await shownOf()) < 2_000);
    await row(2).getByRole('button', { name: 'Show all 10,000 characters' }).click();
    assert.ok((await shownOf()) > 10_000);
    await row(3).getByText('the prompt is empty').waitFor();
    await assertNoBarriers(visitor, 'rows as conversations');
    await page.getByText('As stored').click();
    await row(4).getByRole('term').getByText('antwort', { exact: true }).waitFor();
    await assertNoBarriers(visitor, 'rows as stored');
    await page.getByLabel('From row').fill('4');
    await page.getByText('Rows 4 to 4 of 5').waitFor();
    await page.reload();
    await row(4).getByRole('term').getByText('antwort', { exact: true }).waitFor();
    assert.equal(await page.getByRole('article').count(), 1);
  });

  it('are profiled as pictures, each with its numbers, and in tokens of a base model', async () => {
    await page.getByRole('tab', { name: 'Profile' }).click();
    await page
      .getByRole('img', { name: /^Conversations by their characters\. From \d+ to 10,0\d\d characters/ })
      .waitFor();
    await page.getByText('Rows that give a conversation: 4 of 5').waitFor();
    await page.getByRole('region', { name: 'Roles and their languages' }).getByText('user').waitFor();
    await page.getByRole('region', { name: 'Columns' }).getByText('frage').waitFor();
    await page.getByRole('button', { name: 'Show as a table' }).click();
    await page.getByRole('region', { name: 'Conversations by their characters, as a table' }).waitFor();
    await page.getByLabel('Count tokens for').selectOption(TINY_MODEL);
    await page.getByRole('img', { name: /^Rows by their tokens/ }).waitFor({ timeout: 60_000 });
    await page.getByText('Rows of more than 1,024 tokens: 1', { exact: true }).waitFor();
    await assertNoBarriers(visitor, 'a profile');
    assert.equal(new URL(page.url()).searchParams.get('model'), TINY_MODEL);
  });

  it('show what is learnt of a row: token by token, with what is cut off', async () => {
    await page.getByRole('tab', { name: 'What is learnt' }).click();
    const sequence = page.getByRole('region', { name: 'Sequence 1' });
    await sequence.waitFor({ timeout: 60_000 });
    const learnt = async () => (await sequence.locator('mark').allTextContents()).join('');
    assert.equal(await learnt(), 'That is all.<|im_end|>↵\n');
    assert.ok((await sequence.locator('.token.special').count()) >= 4);
    assert.equal(await sequence.locator('del').count(), 0);
    await assertNoBarriers(visitor, 'what is learnt');
    await page.getByLabel('Row', { exact: true }).fill('2');
    await sequence.locator('del').waitFor({ timeout: 60_000 });
    assert.equal(await learnt(), '', 'its answer is cut off');
    assert.equal(new URL(page.url()).searchParams.get('row'), '2');
    await assertNoBarriers(visitor, 'a row that is cut off');
    await page.getByLabel('Row', { exact: true }).fill('3');
    await page.getByText('The row gives no conversation: the prompt is empty.').waitFor({ timeout: 60_000 });
  });

  it('are refused with the sentence of the API, and taken without the rows that it names', async () => {
    await page.getByRole('link', { name: 'Datasets' }).click();
    await page.getByRole('button', { name: 'Choose files' }).waitFor();
    const broken = 'prompt,completion\na,b\nc,d\ne\nf,g\n';
    await drop(page, [
      { name: 'broken.csv', content: broken },
      { name: 'picture.png', content: 'x' },
    ]);
    await ended('2 refused');
    await uploads()
      .getByText(/not valid CSV in line 4: it has 1 cell where the header has 2/)
      .waitFor();
    await uploads()
      .getByText(/named "picture.png"; upload .csv/)
      .waitFor();
    await assertNoBarriers(visitor, 'refused uploads');
    await uploads().getByRole('button', { name: 'Send it again without such rows' }).click();
    await ended('1 uploaded, 1 refused');
    await uploads().getByText('3 of 3 rows can be trained on').waitFor();
    await uploads().getByRole('button', { name: 'Clear', exact: true }).click();
  });

  it('are found by name, in an order that stands in the address', async () => {
    await page.getByRole('link', { name: 'Datasets' }).click();
    const files = ['b.csv', 'a.csv'].map((name) => ({
      name,
      mimeType: 'text/csv',
      buffer: Buffer.from(csvRows(20, name)),
    }));
    await page.locator('input[type=file]').setInputFiles(files);
    await ended('2 uploaded');
    await page.getByLabel('Order').selectOption('-name');
    const rows = page.getByRole('region', { name: 'Datasets' }).getByRole('row');
    await rows.nth(1).getByRole('link', { name: 'fragen', exact: true }).waitFor();
    await page.getByLabel('Name').fill('fragen');
    await page.getByText('1 dataset', { exact: true }).waitFor();
    await page.reload();
    await page.getByText('1 dataset', { exact: true }).waitFor();
    assert.equal(await page.getByLabel('Name').inputValue(), 'fragen');
    await assertNoBarriers(visitor, 'the list of datasets');
  });

  it('are renamed, downloaded, and deleted when nothing uses them', async () => {
    const job = { name: 'a job of it', dataset_id: 1, model_name: TINY_MODEL };
    const { body } = await service.call('POST', '/jobs/', job);
    await page.goto('/datasets/1?tab=users');
    await page.getByRole('link', { name: 'a job of it' }).waitFor();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: 'Download' }).click(),
    ]);
    assert.equal(download.suggestedFilename(), 'fragen.csv');
    await page.getByRole('button', { name: 'Rename' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Name').fill('Other <b>name</b>');
    await assertNoBarriers(visitor, 'a name that is changed');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('heading', { name: 'Other <b>name</b>' }).waitFor();
    await page.getByRole('button', { name: 'Delete' }).click();
    await dialog.getByRole('link', { name: 'a job of it' }).waitFor();
    assert.equal(await dialog.getByRole('button', { name: 'Delete', exact: true }).count(), 0);
    await assertNoBarriers(visitor, 'a dataset that is used');
    await dialog.getByRole('button', { name: 'Leave it as it is' }).click();
    await service.call('POST', `/jobs/${body.id}/cancel`);
    await until('the job to be deleted', async () =>
      (await service.call('DELETE', `/jobs/${body.id}`)).status === 204 ? true : null,
    );
    await page.getByRole('button', { name: 'Delete' }).click();
    await dialog.getByText('No job and no project uses it').waitFor();
    await dialog.getByRole('button', { name: 'Delete', exact: true }).click();
    await page.getByRole('heading', { name: 'Datasets' }).waitFor();
    assert.equal((await service.call('GET', '/datasets/1')).status, 404);
  });

  it('fit a phone', async () => {
    const { id } = (
      await service.upload('fragen.csv', csvOf(CELLS), { mapping: '{"prompt":"frage","completion":"antwort"}' })
    ).body;
    const phone = await visit(new URL(service.apiUrl).origin, { width: 390, height: 844 });
    for (const address of [
      '',
      ...['rows', 'profile', 'mapping', 'learnt', 'users'].map((tab) => `/${id}?tab=${tab}`),
    ]) {
      await phone.page.goto(`/datasets${address}`);
      await phone.page.getByRole('heading', { level: 1 }).waitFor();
      await phone.page.waitForLoadState('networkidle');
      const width = Number(await phone.page.evaluate('document.documentElement.scrollWidth'));
      assert.ok(width <= 390, `${address} is ${width} px wide`);
      await assertNoBarriers(phone, `${address} on a phone`);
    }
    assert.deepEqual(phone.problems(), []);
    await phone.leave();
  });

  it('have shown no error and no warning but those of what was refused, and asked nobody but this service', () => {
    assert.deepEqual(visitor.problems(/status of 400 .*\/api\/v1\/datasets\/\)/), []);
  });
});
