import assert from 'node:assert/strict';
import { type ApiOnly, startTestApi } from '../../support/api.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { rawSender } from '../../support/raw-request.ts';
import { csvRows } from '../../support/rows.ts';

const KEY = 'the-right-key';
const BASE = '/api/v1';

describe('access', function () {
  this.timeout(240_000);
  let sender: ReturnType<typeof rawSender>;
  let database: TestDatabase;
  let api: ApiOnly;

  before(async () => {
    database = await startTestDatabase();
    // One of each, so that what gets through does something.
    const open = await startTestApi(database);
    const datasetId = Number((await open.upload('rows.csv', csvRows(20))).body.id);
    const traits = [{ trait_type: 'coding', datasets: [{ dataset_id: datasetId, percentage: 100 }] }];
    assert.equal((await open.call('POST', '/jobs/', { name: 'j', dataset_id: datasetId })).status, 201);
    assert.equal((await open.call('POST', '/projects/', { name: 'p', output_directory: 'p', traits })).status, 201);
    assert.equal((await open.upload('unused.csv', csvRows(5))).status, 201);
    await open.close();
    api = await startTestApi(database, { apiKeys: ['another-right-key', KEY] });
    sender = rawSender(api.url);
  });

  after(async () => {
    sender?.close();
    await api?.close();
    await database?.remove();
  });

  const send = async (method: string, path: string, headers: Record<string, string>): Promise<number> =>
    (await sender.send(method, path, headers)).status;

  it('to anything else needs one as well, and only then says what is not there', async () => {
    // Take requireAccess out of Routes.addTo (src/api/http/routes.ts).
    for (const path of ['/', '/nothing', `${BASE}/nothing`, BASE, `${BASE}/`, '/API/v1/health', '/docs/none', '*'])
      assert.equal(await send('OPTIONS', path, {}), 401, path);
    const right = { Authorization: `Bearer ${KEY}` };
    assert.equal(await send('GET', `${BASE}/nothing`, right), 404);
    assert.equal(await send('GET', `${BASE.toUpperCase()}/jobs/`, right), 404, 'paths have one spelling');
    assert.equal(await send('DELETE', `${BASE}/config/`, right), 405);
    assert.equal(await send('DELETE', `${BASE}/projects/plan`, right), 405, 'a word is no id');
    assert.equal(await send('OPTIONS', `${BASE}/jobs/`, right), 204);
    assert.equal(await send('OPTIONS', '/docs', {}), 401);
    const open = ['/health', `${BASE}/health`, `${BASE}/health/`, `${BASE}/openapi.json`, '/docs', '/docs/page.js'];
    const looks = open.flatMap((path) =>
      ['GET', 'HEAD'].map(async (method) => assert.equal(await send(method, path, {}), 200, `${method} ${path}`)),
    );
    await Promise.all(looks);
  });

  it('is given to a whole key alone, in its header', async () => {
    const status = (headers: Record<string, string>, query = '') => send('GET', `${BASE}/jobs/${query}`, headers);
    assert.equal(await status({ Authorization: `bearer  ${KEY}` }), 200, 'the scheme has no case');
    assert.equal(await status({ Authorization: 'Bearer another-right-key' }), 200);
    for (const given of ['', 'Bearer', 'Bearer ', KEY, `Basic ${KEY}`, `Bearer ${KEY}x`, `Bearer ${KEY.slice(1)}`])
      assert.equal(await status({ Authorization: given }), 401, given);
    assert.equal(await status({ Authorization: `Bearer ${KEY.toUpperCase()}` }), 401);
    assert.equal(await status({}, `?access_token=${KEY}`), 401);
  });

  it('to an event stream may come with the query, since a browser’s EventSource sends no headers', async () => {
    // Take takesKeyFromQuery out of src/api/runs/progress-routes.ts.
    const path = `${BASE}/projects/1/events`;
    // The project was not started: with a key it says so.
    assert.equal(await send('GET', `${path}?access_token=${KEY}`, {}), 400);
    for (const query of ['', '?access_token=', '?access_token=wrong', `?access_token=${KEY}&access_token=${KEY}`])
      assert.equal(await send('GET', path + query, {}), 401, query);
  });
});
