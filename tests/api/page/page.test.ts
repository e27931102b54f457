import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { BUILT } from '../../../src/platform/built-files.ts';
import { PROJECT_ROOT } from '../../../src/platform/env.ts';
import { type ApiOnly, startTestApi } from '../../support/api.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';

describe('the page, as it is served', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let api: ApiOnly;

  before(async () => {
    database = await startTestDatabase();
    // Whoever has no key sees the page as well: it asks for one.
    api = await startTestApi(database, { apiKeys: ['a-key'] });
  });

  after(async () => {
    await api?.close();
    await database?.remove();
  });

  it('is one document at each of its addresses', async () => {
    const screens = await readFile(join(PROJECT_ROOT, 'web', 'src', 'screens.tsx'), 'utf8');
    const addresses = [...screens.matchAll(/path: '([^']+)'/g)].map(([, path]) => (path ?? '').replace(':id', '1'));
    assert.ok(addresses.length > 3);
    for (const address of addresses) {
      const response = await fetch(`${api.url}${address}`);
      assert.equal(response.status, 200, `src/api/page/routes.ts does not know ${address}`);
      assert.match(response.headers.get('content-type') ?? '', /^text\/html/);
      assert.equal(response.headers.get('cache-control'), 'no-cache');
      assert.match(await response.text(), /<div id="page">/);
    }
  });

  it('loads from this service alone, by files that are kept for ever', async () => {
    const html = await (await fetch(api.url)).text();
    const files = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file]) => file ?? '');
    assert.ok(files.length >= 3, html);
    for (const file of files) {
      assert.match(file, /^\/assets\//);
      const response = await fetch(`${api.url}${file}`);
      assert.equal(response.status, 200);
      assert.match(response.headers.get('cache-control') ?? '', /immutable/);
    }
  });

  it('is sent compressed to whoever takes that, and not again to whoever has it', async () => {
    const [script = ''] = /\/assets\/[\w.-]+\.js/.exec(await (await fetch(api.url)).text()) ?? [];
    const plain = await (await fetch(`${api.url}${script}`, { headers: { 'Accept-Encoding': 'identity' } })).text();
    assert.equal(gunzipSync(await readFile(join(BUILT.page, `${script}.gz`))).toString(), plain);
    const first = await fetch(api.url);
    // As a browser asks that has it. (fetch would add that it wants nothing that is kept.)
    const asked = request(api.url, {
      headers: { 'If-None-Match': first.headers.get('etag') ?? '', 'Accept-Encoding': 'gzip' },
    }).end();
    const [again] = (await once(asked, 'response')) as [IncomingMessage];
    again.resume();
    assert.equal(again.statusCode, 304);
  });

  it('answers what is none of its files with 404, wherever the path would lead', async () => {
    for (const path of [
      '/assets/none.js',
      '/assets/..%2Findex.html',
      '/assets/%2e%2e%2fsources.sha256',
      '/sources.sha256',
    ])
      assert.ok([401, 404].includes((await fetch(`${api.url}${path}`)).status), path);
  });
});
