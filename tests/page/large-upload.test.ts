import assert from 'node:assert/strict';
import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Page } from 'playwright-core';
import { assertNoBarriers, describePage, type Visitor } from '../support/browser.ts';
import { processesOf, residentBytes } from '../support/processes.ts';
import { csvRows } from '../support/rows.ts';
import { startTestService, type TestService, until } from '../support/service.ts';

/** Of fifty bytes each. */
const ROWS = 4_200_000;
const LEAST_BYTES = 200_000_000;

describePage('a large upload on the page', (visit) => {
  let service: TestService;
  let remove: () => Promise<void>;
  let visitor: Visitor;
  let page: Page;

  before(async () => {
    ({ service, remove } = await startTestService());
    visitor = await visit(new URL(service.apiUrl).origin);
    page = visitor.page;
  });

  after(async () => {
    await remove?.();
  });

  const uploads = () => page.getByRole('region', { name: 'Uploads' });
  const ended = (sentence: string) => uploads().getByRole('status').getByText(sentence).waitFor();
  /** Every file that the service stores of uploads and datasets. */
  const filesKept = async () => {
    const folders = ['uploads', 'datasets'].map((name) => join(service.env.home, name));
    const names = await Promise.all(folders.map((folder) => readdir(folder, { recursive: true })));
    return names.flat().sort();
  };

  // Seen to fail without `request.abort()` in web/src/api/uploads.ts, without `files?.discard()` in src/api/datasets/upload.ts, and with chunks that
  // src/api/datasets/received-file.ts keeps.
  it('goes on being uploaded on another screen, asks before the page is left, and leaves nothing when it is cancelled half-way', async () => {
    await page.goto('/datasets');
    const file = join(service.env.home, 'large.csv');
    await writeFile(file, `input,output\n${'a question of some words,an answer of some words\n'.repeat(ROWS)}`);
    const { size } = await stat(file);
    assert.ok(size > LEAST_BYTES);
    const api = (await processesOf(service.env.home)).find(({ command }) => command.trim().endsWith(' api'));
    const before = { files: await filesKept(), most: await residentBytes(api?.pid ?? 0, 'at most') };
    const network = await page.context().newCDPSession(page);
    const limits = { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 20_000_000 };
    await network.send('Network.emulateNetworkConditions', limits);
    await page.locator('input[type=file]').setInputFiles(file);
    const bar = uploads().getByRole('progressbar', { name: 'Upload of large.csv' });
    const sent = async () => Number(await bar.getAttribute('aria-valuenow'));
    await until('the upload to be seen going on', async () => ((await sent()) > 10 ? true : null));
    await uploads()
      .getByText(/MB\/s, about .* left/)
      .waitFor();
    await page.getByRole('link', { name: 'Runs' }).click();
    await page.getByRole('heading', { name: 'Runs' }).waitFor();
    const soFar = await sent();
    await until('the upload to go on', async () => ((await sent()) > soFar ? true : null));
    const [dialog] = await Promise.all([
      page.waitForEvent('dialog'),
      page.evaluate('void setTimeout(() => location.reload())'),
    ]);
    assert.equal(dialog.type(), 'beforeunload');
    await dialog.dismiss();
    await until('half of it to be sent', async () => ((await sent()) >= 50 ? true : null));
    assert.ok((await sent()) < 100, 'it was still under way');
    assert.ok((await filesKept()).length > before.files.length, 'the service has a part of it');
    await uploads().getByRole('button', { name: 'Cancel the upload of large.csv' }).click();
    await ended('1 cancelled');
    await until('nothing of it to be left', async () => {
      const { items } = (await service.call('GET', '/datasets/uploads')).body as { items: unknown[] };
      return items.length === 0 ? true : null;
    });
    await until(
      'its files to be gone',
      async () => (isDeepStrictEqual(await filesKept(), before.files) ? true : null),
      15_000,
    );
    assert.equal((await service.call('GET', '/datasets/?name=large')).body.total, 0);
    const most = await residentBytes(api?.pid ?? 0, 'at most');
    if (most !== null && before.most !== null)
      assert.ok(most - before.most < size / 4, `the API grew by ${Math.round((most - before.most) / 1e6)} MB`);
    await network.send('Network.emulateNetworkConditions', { ...limits, uploadThroughput: -1 });
    await page.getByRole('link', { name: 'Datasets' }).click();
    await page
      .locator('input[type=file]')
      .setInputFiles({ name: 'at once.csv', mimeType: 'text/csv', buffer: Buffer.from(csvRows(5)) });
    await ended('1 uploaded, 1 cancelled');
    await assertNoBarriers(visitor, 'a cancelled upload');
    assert.deepEqual(visitor.problems(), []);
  });
});
