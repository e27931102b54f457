import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { QueryTypes } from 'sequelize';
import { type ApiOnly, startTestApi } from '../../support/api.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { csvRows } from '../../support/rows.ts';

interface Operation {
  security?: unknown[];
  requestBody?: { content: Record<string, { schema: { $ref?: string } }> };
}

interface OpenApiDocument {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, { example?: unknown }> };
}

const KEY = 'the-right-key';
const METHODS = ['GET', 'HEAD', 'POST', 'PATCH', 'PUT', 'DELETE', 'OPTIONS'];
const KEYS: Record<string, Record<string, string>> = {
  none: {},
  wrong: { Authorization: 'Bearer another-key' },
};
const BASE = '/api/v1';

const alternating = (text: string) =>
  [...text].map((letter, i) => (i % 2 === 0 ? letter.toUpperCase() : letter.toLowerCase())).join('');
const encoded = (letter: string) => `%${letter.charCodeAt(0).toString(16)}`;

/** What open endpoints answer that change nothing here: the example's key is none of ours. */
const OPEN_ANSWERS: Record<string, number> = { 'POST /api/v1/session': 400, 'DELETE /api/v1/session': 204 };

/** Ways to write a path that some part of a server may take for the same. */
const SPELLINGS: Record<string, (path: string) => string> = {
  'as it is': (path) => path,
  'in upper case': (path) => path.toUpperCase(),
  'in mixed case': alternating,
  'with its base in upper case': (path) => path.replace(BASE, BASE.toUpperCase()),
  'with its end in upper case': (path) => BASE + path.slice(BASE.length).toUpperCase(),
  'with a slash more or less': (path) => (path.endsWith('/') ? path.slice(0, -1) : `${path}/`),
  'with slashes at its end': (path) => `${path.replace(/\/$/, '')}//`,
  'with a doubled first slash': (path) => `/${path}`,
  'with doubled slashes': (path) => path.replaceAll('/', '//'),
  'with an encoded letter': (path) => path.replace(/[a-z](?=[a-z]*\/?$)/, encoded),
  'with encoded letters': (path) => path.replaceAll(/[a-z]/g, encoded),
  'with encoded slashes': (path) => BASE + path.slice(BASE.length).replaceAll('/', '%2F'),
  'with a dot segment': (path) => path.replace(BASE, `${BASE}/.`),
  'with an encoded dot segment': (path) => path.replace(BASE, `${BASE}/health/%2e%2e`),
  'through an open path': (path) => path.replace(BASE, '/docs/../api/v1'),
  'with a path parameter': (path) => `${path};x=/health`,
  'with a query': (path) => `${path}?x=/health&access_token=another-key`,
  'with an encoded NUL': (path) => `${path}%00`,
  'as a whole URL': (path) => `http://localhost${path}`,
};

describe('access', function () {
  this.timeout(240_000);
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  let database: TestDatabase;
  let api: ApiOnly;
  let document: OpenApiDocument;

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
    document = (await api.call('GET', '/openapi.json')).body as unknown as OpenApiDocument;
  });

  after(async () => {
    agent.destroy();
    await api?.close();
    await database?.remove();
  });

  /** A path as it is written here: fetch would make another of it. */
  function send(method: string, path: string, headers: Record<string, string>, body = ''): Promise<number> {
    return new Promise((resolve, reject) => {
      const asked = request(
        api.url,
        { method, path, agent, headers: { ...headers, ...(body ? { 'Content-Type': 'application/json' } : {}) } },
        (response) => {
          resolve(response.statusCode ?? 0);
          // An event stream has no end: what got through is not read.
          if (response.statusCode === 200) response.destroy();
          else response.resume();
        },
      );
      asked.once('error', reject).end(body);
    });
  }

  /** Everything that a request could have changed. */
  async function state(): Promise<unknown> {
    const { sequelize } = database;
    const tables = [
      'datasets',
      'jobs',
      'projects',
      'runs',
      'run_events',
      'workers',
      'training_config',
      'idempotency_keys',
    ];
    const rows = tables.map((table) => sequelize.query(`SELECT * FROM ${table}`, { type: QueryTypes.SELECT }));
    const files = (await readdir(api.env.home, { recursive: true })).filter((path) => !path.startsWith('postgres'));
    return JSON.stringify([await Promise.all(rows), files.sort()]);
  }

  const pathOf = (pattern: string) => pattern.replace('{id}', '1').replace('{name}', 'org/model');

  /** What the document itself gives as an example of a body, so that a request that gets through is a good one. */
  function bodyOf(pattern: string, method: string): string {
    const operation = document.paths[pattern]?.[method.toLowerCase()];
    const name = operation?.requestBody?.content['application/json']?.schema.$ref?.split('/').at(-1) ?? '';
    const example = document.components.schemas[name]?.example;
    return example === undefined ? '' : JSON.stringify(example);
  }

  /** Whether the document says that this request needs no key. */
  function isOpen(pattern: string, method: string, path: string): boolean {
    const { security } = document.paths[pattern]?.[method === 'HEAD' ? 'get' : method.toLowerCase()] ?? {};
    const asked = path.replace('http://localhost', '').replace(/\?.*/, '').replace(/\/$/, '');
    return security?.length === 0 && asked === pattern;
  }

  it('to every endpoint needs a key, by every method and however its path is written; nothing is done without', async () => {
    // As it was: make the Router of src/api/http/routes.ts insensitive, and ask for a key where a path begins with /api/v1.
    const before = await state();
    const wrong: string[] = [];
    let sent = 0;
    for (const pattern of Object.keys(document.paths)) {
      for (const [spelling, write] of Object.entries(SPELLINGS)) {
        for (const method of METHODS) {
          const path = write(pathOf(pattern));
          const answers = Object.entries(KEYS).map(async ([key, headers]) => {
            const status = await send(method, path, headers, bodyOf(pattern, method));
            const expected = isOpen(pattern, method, path) ? (OPEN_ANSWERS[`${method} ${pattern}`] ?? 200) : 401;
            if (status !== expected) wrong.push(`${method} ${path} (${pattern} ${spelling}), key ${key}: ${status}`);
            sent += 1;
          });
          await Promise.all(answers);
        }
      }
    }
    console.log(`      ${sent} requests to ${Object.keys(document.paths).length} paths`);
    assert.deepEqual(wrong, []);
    assert.equal(await state(), before);
  });

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
