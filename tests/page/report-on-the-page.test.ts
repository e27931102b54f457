import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Download, Page } from 'playwright-core';
import { extract } from 'tar';
import { assertNoBarriers, describePage, type Visitor } from '../support/browser.ts';
import { type Jobs, jobsOf } from '../support/jobs.ts';
import { csvRows } from '../support/rows.ts';
import { startTestService, type TestService, TINY_EMBEDDER, TINY_MODEL, until } from '../support/service.ts';
import { putLargeWeights, putTinyModel } from '../support/tiny-models.ts';

/** What a page would run, were it careless. */
const HTML = '<img src=x onerror="document.title=1"><script>document.title=2</script>';
const ROWS = 120;
const LONG = `${'and so on, '.repeat(200)}to the end`;

/** Conversations in English, with HTML in them and an answer that is long. */
const ENGLISH = Array.from({ length: ROWS }, (_, number) =>
  JSON.stringify({
    messages: [
      { role: 'system', content: `You write ${HTML}` },
      { role: 'user', content: `Say tag ${number}` },
      { role: 'assistant', content: `<b>Tag</b> number ${number} ${LONG}` },
    ],
  }),
).join('\n');
const HEBREW = [
  'input,output',
  ...Array.from({ length: ROWS }, (_, number) => `כמה זה ${number} ועוד אחת?,התשובה היא ${number + 1}`),
].join('\n');

interface Found {
  verdict: string;
  summary: string;
  traits: { trait: string; rows: number; base: { loss: number }; tuned: { loss: number } }[];
  samples: { trait: string; expected: string; base: string; tuned: string; messages: { content: string }[] }[];
}

/** Of a real run of two traits, of one whose model is not usable, of one that failed before, and of a rag run. */
describePage('the report on the page', (visit) => {
  let service: TestService;
  let remove: () => Promise<void>;
  let visitor: Visitor;
  let page: Page;
  let jobs: Jobs;
  let folder: string;
  let address: string;
  let found: Found;

  before(async () => {
    ({ service, remove } = await startTestService());
    folder = await mkdtemp(join(tmpdir(), 'mtm-report-'));
    await putTinyModel(service.env, 'tiny-embedder');
    const upload = async (name: string, content: string, fields = {}) =>
      Number((await service.upload(name, content, fields)).body.id);
    const english = await upload('english.jsonl', ENGLISH, { name: `${HTML} rows` });
    const hebrew = await upload('hebrew.csv', HEBREW);
    jobs = jobsOf(service, await upload('rows.csv', csvRows(60)));
    const traitOf = (trait: string, id: number) => ({
      trait_type: trait,
      datasets: [{ dataset_id: id, percentage: 100 }],
    });
    const { body } = await service.call('POST', '/projects/', {
      name: 'Two traits',
      base_model: TINY_MODEL,
      output_directory: 'two',
      max_steps: 30,
      max_length: 256,
      batch_size: 4,
      learning_rate: 0.005,
      traits: [traitOf('coding', english), traitOf('reasoning', hebrew)],
    });
    address = `/projects/${body.id}`;
    await service.call('POST', `${address}/start`);
    await service.call('POST', '/workers/', { action: 'start', worker_count: 2 });
    visitor = await visit(new URL(service.apiUrl).origin);
    page = visitor.page;
    page.setDefaultTimeout(30_000);
  });

  after(async () => {
    await remove?.();
    if (folder) await rm(folder, { recursive: true });
  });

  const save = async (download: Download): Promise<string> => {
    const path = join(folder, download.suggestedFilename());
    await download.saveAs(path);
    return path;
  };
  const sha256Of = async (path: string) => {
    const hash = createHash('sha256');
    await pipeline(createReadStream(path), hash);
    return hash.digest('hex');
  };

  it('says when it comes while the run is open, and is there by itself', async () => {
    // Leave `enabled` out in report.tsx, and the console has a refusal, which the last test finds.
    await page.goto(`${address}?tab=report`);
    await page.getByText('There is no report yet').waitFor();
    await assertNoBarriers(visitor, 'no report yet');
    await page.getByRole('region', { name: 'Base and tuned on held-out rows' }).waitFor({ timeout: 300_000 });
    const { body } = await service.call('GET', `${address}/report`);
    found = body as unknown as Found;
    await until('the run to be completed', async () =>
      (await service.call('GET', address)).body.status === 'completed' ? true : null,
    );
  });

  it('says the verdict first, then the traits as bars and as a table with the same numbers', async () => {
    // Leave RestsOn out in verdict.tsx.
    const verdict = page.getByRole('region', { name: /^The tuned model is/ });
    const text = (await verdict.textContent()) ?? '';
    assert.ok(text.startsWith('The tuned model is '), text);
    assert.ok(text.includes(found.summary), text);
    const rows = found.traits.reduce((sum, trait) => sum + trait.rows, 0);
    assert.ok(text.includes(`rests on ${rows} held-out rows`), text);
    const loss = page.getByRole('figure', { name: 'Loss' });
    const table = page.getByRole('region', { name: 'Traits' });
    for (const { trait, base, tuned } of found.traits)
      for (const value of [base.loss, tuned.loss].map((each) => each.toPrecision(4))) {
        assert.ok((await loss.textContent())?.includes(value), `${trait}: ${value} as a bar`);
        await table.getByRole('row', { name: trait }).getByRole('cell', { name: value, exact: true }).first().waitFor();
      }
    await assertNoBarriers(visitor, 'a report');
  });

  it('shows answers beside the expected one: as text, in their direction, with what differs marked', async () => {
    // Leave `from` out in bothOf (answers.tsx), and no word is marked.
    await page.getByLabel('Trait', { exact: true }).selectOption('reasoning');
    const first = page.getByRole('article', { name: 'Answer 1, reasoning' });
    const expected = found.samples.find(({ trait }) => trait === 'reasoning')?.expected ?? 'none';
    await first.getByText(expected, { exact: true }).waitFor();
    const direction = await page.evaluate(
      "getComputedStyle(document.querySelector('.report-answer .user-text')).direction",
    );
    assert.equal(direction, 'rtl');
    await page.getByLabel('Trait', { exact: true }).selectOption('coding');
    const answer = page.getByRole('article', { name: 'Answer 1, coding' });
    await answer.getByText(`You write ${HTML}`).waitFor();
    await answer.getByText('<b>Tag</b>').first().waitFor();
    assert.equal(await answer.locator('img, script, b').count(), 0);
    assert.match(await page.title(), /^Two traits/);
    await answer.locator('mark').first().waitFor();
    await answer
      .getByText(/words and signs differ from the expected answer/)
      .first()
      .waitFor();
    const before = await page.evaluate("getComputedStyle(document.querySelector('mark'), '::before').content");
    assert.equal(before, '" [differs: "', 'a mark is also read');
    await page.getByLabel('Words that are marked').selectOption('none');
    await answer.locator('mark').waitFor({ state: 'detached' });
    await page.getByLabel('Words that are marked').selectOption('base');
    await page.reload();
    assert.equal(await page.getByLabel('Trait', { exact: true }).inputValue(), 'coding', 'the address has it');
    assert.equal(await page.getByLabel('Words that are marked').inputValue(), 'base');
    await assertNoBarriers(visitor, 'answers with what differs between base and tuned');
  });

  it('has its pages, and long texts, in reach of the keyboard', async () => {
    // Have AT_ONCE in answers.tsx be 100.
    await page.goto(`${address}?tab=report&trait=coding`);
    const answers = page.getByRole('region', { name: 'Answers to held-out rows' });
    const samples = found.samples.filter(({ trait }) => trait === 'coding').length;
    assert.ok(samples > 3, `${samples} answers of the trait`);
    await answers.getByText(`Answers 1 to 3 of ${samples}`).waitFor();
    await answers.getByRole('button', { name: 'Page 2', exact: true }).focus();
    await page.keyboard.press('Enter');
    await answers.getByText(`Answers 4 to 6 of ${samples}`).waitFor();
    assert.match(page.url(), /answers=2/);
    const fourth = answers.getByRole('article', { name: 'Answer 4, coding' });
    const all = fourth.getByRole('button', { name: /^Show all/ }).first();
    await all.focus();
    await page.keyboard.press('Space');
    await fourth.getByText('to the end').waitFor();
    await page.keyboard.press('Space');
    await fourth.getByText('to the end').waitFor({ state: 'detached' });
    await page.keyboard.press('Tab');
    assert.notEqual(await page.evaluate('document.activeElement.tagName'), 'BODY');
  });

  it('has the questions that are asked every model, what was checked, the curves and the model card', async () => {
    // Leave what changed the weights out in checksOf (checks.tsx).
    const prompts = page.getByRole('region', { name: 'The same questions to every model' });
    assert.equal(await prompts.getByRole('article').count(), 5);
    await prompts.getByText('What is the capital of France?').waitFor();
    const checks = page.getByRole('region', { name: 'What was checked' });
    assert.equal(await checks.getByText('passed').count(), 4, (await checks.textContent()) ?? '');
    await page.getByRole('img', { name: /The losses and the learning rate/ }).scrollIntoViewIfNeeded();
    await until('the picture', async () =>
      Number(await page.evaluate("document.querySelector('.report-curves').naturalWidth")) > 100 ? true : null,
    );
    const card = page.getByRole('region', { name: 'Model card' });
    await card.getByRole('heading', { name: /tiny-random-llama, tuned/ }).waitFor();
    await card.getByRole('cell', { name: `${HTML} rows` }).waitFor();
    assert.equal(await card.locator('img, script').count(), 0);
  });

  it('gives the model, whole and file by file, with the hashes that it shows', async () => {
    // Leave the last digit of a hash out in output-files.tsx.
    const files = page.getByRole('region', { name: 'Files of the model' });
    const hashes = new Map<string, string>();
    for (const row of await files.getByRole('row').all()) {
      const path = await row
        .getByRole('link')
        .textContent({ timeout: 1_000 })
        .catch(() => null);
      if (path !== null) hashes.set(path, (await row.locator('code').textContent()) ?? '');
    }
    assert.ok(hashes.has('README.md') && hashes.has('adapter/adapter_model.safetensors'), [...hashes.keys()].join());
    const [whole] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: /^Download the model \(/ }).click(),
    ]);
    const archive = await save(whole);
    await extract({ file: archive, cwd: folder });
    const model = join(folder, basename(archive, '.tar'));
    for (const [path, sha256] of hashes) assert.equal(await sha256Of(join(model, path)), sha256, path);
    const [one] = await Promise.all([
      page.waitForEvent('download'),
      files.getByRole('link', { name: 'adapter/adapter_model.safetensors' }).click(),
    ]);
    assert.equal(await sha256Of(await save(one)), hashes.get('adapter/adapter_model.safetensors'));
    await files.getByRole('button', { name: 'Check them after a download' }).click();
    const sums = (await files.getByRole('region', { name: 'SHA256SUMS' }).textContent()) ?? '';
    assert.equal(sums.split('\n').length, hashes.size);
    assert.ok(sums.includes(`${hashes.get('README.md')}  README.md`));
    assert.equal((await readFile(join(model, 'README.md'), 'utf8')).startsWith('---\n'), true);
    await assertNoBarriers(visitor, 'a report to its end');
  });

  it('exports the model when it is asked to, says what was found, and gives the file', async () => {
    // Leave refetchInterval out of exportsQuery (web/src/api/exports.ts), and the row stays as it began.
    const exports = page.getByRole('region', { name: 'Exports' });
    await exports.getByRole('button', { name: 'Adapter as GGUF' }).waitFor();
    await exports.getByRole('button', { name: 'Export as GGUF' }).click();
    const file = exports.getByRole('link', { name: /-q8_0\.gguf$/ });
    await file.waitFor({ timeout: 120_000 });
    await exports.getByText(/^llama\.cpp loads the file\. It answers/).waitFor();
    await assertNoBarriers(visitor, 'exports of a run');
    const [gguf] = await Promise.all([page.waitForEvent('download'), file.click()]);
    assert.equal((await readFile(await save(gguf))).subarray(0, 4).toString(), 'GGUF');
    await exports.getByRole('button', { name: 'Delete the export gguf q8_0' }).click();
    await file.waitFor({ state: 'detached' });
  });

  it('fits a phone', async () => {
    // Take Scrolled out of TraitsTable.
    const phone = await visit(new URL(service.apiUrl).origin, { width: 390, height: 844 });
    await phone.page.goto(`${address}?tab=report`);
    await phone.page.getByRole('heading', { name: 'Model card' }).waitFor();
    const width = Number(await phone.page.evaluate('document.documentElement.scrollWidth'));
    assert.ok(width <= 390, `${width} px wide`);
    await assertNoBarriers(phone, 'a report on a phone');
    assert.deepEqual(phone.problems(), []);
    await phone.leave();
  });

  it('says why there is none, or why a model is not usable, and what to do', async () => {
    // Show NoReport wherever a run has failed (report.tsx), and what validation found is not seen.
    const [none, unchanged] = [
      await jobs.create({ model_name: 'none/such' }),
      await jobs.create({
        model_name: await putLargeWeights(service.env.modelCache),
        training_type: 'standard',
        learning_rate: 1e-6,
        max_steps: 1,
      }),
    ];
    for (const id of [none, unchanged]) await jobs.ended(id);
    await page.goto(`/jobs/${none}?tab=report`);
    const panel = page.getByRole('tabpanel');
    await panel.getByText('ended by a failure before its model was validated').waitFor();
    await panel.getByText(/none\/such/).waitFor();
    await panel.getByText('“Start again”, above').waitFor();
    await assertNoBarriers(visitor, 'no report');
    await page.goto(`/jobs/${unchanged}?tab=report`);
    await panel.getByText('This model is not usable, and was not published').waitFor();
    await panel
      .getByText(/Start a new run with a higher learning_rate/)
      .first()
      .waitFor();
    const checks = page.getByRole('region', { name: 'What was checked' });
    await checks.getByText('failed').first().waitFor();
    await checks.getByText('not tried').first().waitFor();
    assert.equal(await page.getByRole('link', { name: /^Download the model/ }).count(), 0);
    await assertNoBarriers(visitor, 'a model that is not usable');
  });

  it('of rag shows what is found, and the answers with the index and without', async () => {
    // Leave Retrieval out in report.tsx.
    const models = { model_name: TINY_MODEL, embedding_model: TINY_EMBEDDER };
    const rag = await jobs.create({ ...models, training_type: 'rag', chunk_tokens: 100 });
    const { status, error_message } = await jobs.ended(rag);
    assert.equal(status, 'completed', String(error_message));
    await page.goto(`/jobs/${rag}?tab=report`);
    await page.getByRole('region', { name: 'What held-out questions find' }).getByText('hybrid').waitFor();
    await page.getByRole('region', { name: 'Answers with and without the index' }).waitFor();
    await page.getByRole('article', { name: 'Search 1, all' }).getByText('Found first').waitFor();
    await page.getByRole('article', { name: 'Answer 1, all' }).getByText('Without the index').waitFor();
    assert.equal(await page.getByRole('img', { name: /The losses/ }).count(), 0);
    await page.getByRole('region', { name: 'Files of the model' }).getByRole('link', { name: 'query.py' }).waitFor();
    await assertNoBarriers(visitor, 'the report of a rag run');
  });

  it('has shown no error, no warning, and asked nobody but this service', () => {
    assert.deepEqual(visitor.problems(), []);
  });
});
