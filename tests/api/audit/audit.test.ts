import assert from 'node:assert/strict';
import { type ApiOnly, startTestApi } from '../../support/api.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { csvRows } from '../../support/rows.ts';
import { until } from '../../support/service.ts';

interface Row {
  who: string;
  role: string | null;
  address: string;
  method: string;
  route: string;
  entity: { kind: string; id: string | null; name: string | null };
  changes: string;
  outcome: string;
  status: number | null;
  replayed: boolean;
  request_id: string;
}

const KEY = 'an-admin-key-that-nobody-guesses-1234';
const AS_ADMIN = { Authorization: `Bearer ${KEY}` };

interface OpenApiDocument {
  paths: Record<string, Record<string, { requestBody?: { content: Record<string, { schema: { $ref?: string } }> } }>>;
  components: { schemas: Record<string, { example?: unknown }> };
}

const NO_UPLOAD = '00000000-0000-4000-8000-000000000000';
/** They plan, check or answer. */
const CHANGE_NOTHING = [
  'DELETE /api/v1/session',
  'POST /api/v1/datasets/{id}/validate',
  'POST /api/v1/jobs/plan',
  'POST /api/v1/projects/validate-output-dir',
  'POST /api/v1/projects/validate-model',
  'POST /api/v1/projects/plan',
  'POST /api/v1/projects/{id}/validate',
  'POST /api/v1/sweeps/plan',
  'POST /api/v1/jobs/{id}/query',
  'POST /api/v1/projects/{id}/query',
  'POST /api/v1/playground/prompt',
  'POST /v1/chat/completions',
  'POST /v1/completions',
];

describe('GET /audit', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let api: ApiOnly;
  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database, { apiKeys: [KEY] });
  });
  after(async () => {
    await api?.close();
    await database?.remove();
  });

  const rows = async (query = ''): Promise<Row[]> => {
    const { status, body } = await api.call('GET', `/audit/?limit=200${query}`, undefined, AS_ADMIN);
    assert.equal(status, 200, JSON.stringify(body));
    return body.items as Row[];
  };
  const newest = async (): Promise<Row> => {
    const [row] = await rows();
    assert.ok(row);
    return row;
  };

  it('has each change: who, from where, what of which thing, and how it ended', async () => {
    // Leave whileAudited out of endpoint.ts, and there are no rows.
    const { body: dataset } = await api.upload('rows.csv', csvRows(20), { name: 'Rows' }, AS_ADMIN);
    const uploaded = await newest();
    assert.deepEqual(
      [uploaded.method, uploaded.route, uploaded.entity, uploaded.outcome, uploaded.status],
      ['POST', '/api/v1/datasets/', { kind: 'dataset', id: String(dataset.id), name: 'Rows' }, 'done', 201],
    );
    const renamed = await api.call('PATCH', `/datasets/${dataset.id}`, { name: 'Other rows' }, AS_ADMIN);
    const row = await newest();
    assert.deepEqual(row.entity, { kind: 'dataset', id: String(dataset.id), name: 'Rows' });
    assert.deepEqual([row.changes, row.role, row.address], ['name: "Other rows"', 'admin', '127.0.0.1']);
    assert.equal(row.request_id, renamed.headers.get('x-request-id'));
    await api.call('DELETE', `/datasets/${dataset.id}`, undefined, AS_ADMIN);
    const deleted = await newest();
    assert.deepEqual([deleted.entity.name, deleted.status], ['Other rows', 204]);
    const again = await api.call('DELETE', `/datasets/${dataset.id}`, undefined, AS_ADMIN);
    assert.equal(again.status, 404);
    assert.deepEqual([(await newest()).outcome, (await newest()).entity.id], ['refused', String(dataset.id)]);
  });

  it('has nothing of what only reads, or is malformed', async () => {
    const before = (await rows()).length;
    await api.call('GET', '/datasets/', undefined, AS_ADMIN);
    await api.call('POST', '/projects/validate-model', { model_name: 'a/b' }, AS_ADMIN);
    await api.call('PATCH', '/config/', { default_epochs: 'many' }, AS_ADMIN);
    assert.equal((await rows()).length, before);
  });

  it('has who was refused for their key, also where they only wanted to read, and no browser that has not signed in', async () => {
    // Leave `watch` out of routes.ts, and there are no rows.
    await api.call('GET', '/jobs/12', undefined, { Authorization: 'Bearer a-wrong-key' });
    const { who, route, entity, outcome, status } = await newest();
    assert.deepEqual([who, route, entity.id, outcome, status], ['(nobody)', '/api/v1/jobs/{id}', '12', 'refused', 401]);
    const { body: lent } = await api.call('POST', '/keys/', { name: 'lent', role: 'viewer' }, AS_ADMIN);
    const asLent = { Authorization: `Bearer ${lent.key}` };
    await api.call('DELETE', '/jobs/12', undefined, asLent);
    assert.deepEqual([(await newest()).who, (await newest()).role, (await newest()).status], ['lent', 'viewer', 403]);
    await database.sequelize.query(`UPDATE api_keys SET expires_at = now() - interval '1 day' WHERE name = 'lent'`);
    await until('the key opens nothing any more', async () =>
      (await api.call('GET', '/jobs/12', undefined, asLent)).status === 401 ? true : null,
    );
    assert.deepEqual([(await newest()).who, (await newest()).status], ['lent', 401]);
    await api.call('DELETE', '/jobs/12');
    assert.deepEqual([(await newest()).method, (await newest()).status], ['DELETE', 401]);
    const before = (await rows()).length;
    await api.call('GET', '/jobs/');
    assert.equal((await rows()).length, before);
  });

  it('has no secret and no content, whatever fields have them', async () => {
    await api.call('POST', '/session', { api_key: 'a-secret-of-somebody' });
    const { changes, route } = await newest();
    assert.deepEqual([route, changes], ['/api/v1/session', '']);
    assert.ok(!JSON.stringify(await rows()).includes('secret-of'));
  });

  it('says what was asked for again under its key and made nothing new', async () => {
    const upload = () =>
      api.upload('rows.csv', csvRows(20), {}, { ...AS_ADMIN, 'Idempotency-Key': 'an-upload-for-the-audit' });
    await upload();
    assert.equal((await newest()).replayed, false);
    await upload();
    assert.equal((await newest()).replayed, true);
  });

  it('is there before anything is changed: without it, nothing is', async () => {
    // Begin the row behind `work` in src/api/http/audit.ts, and the setting is changed.
    const epochs = async () => (await api.call('GET', '/config/', undefined, AS_ADMIN)).body.default_epochs;
    const before = await epochs();
    await database.sequelize.query('ALTER TABLE audit RENAME TO audit_elsewhere');
    try {
      const { status } = await api.call('PATCH', '/config/', { default_epochs: Number(before) + 1 }, AS_ADMIN);
      assert.equal(status, 500);
      assert.equal(await epochs(), before);
    } finally {
      await database.sequelize.query('ALTER TABLE audit_elsewhere RENAME TO audit');
    }
  });

  it('is paged in a stable order while rows come, and filtered', async () => {
    for (let n = 0; n < 7; n++) await api.call('PATCH', '/config/', { default_epochs: 2 + (n % 2) }, AS_ADMIN);
    const all = (await rows('&entity=settings&outcome=done')).map(({ request_id }) => request_id);
    assert.equal(all.length, 7);
    const paged: string[] = [];
    let next: unknown = '';
    do {
      const after = next === '' ? '' : `&after=${next}`;
      const { body } = await api.call('GET', `/audit/?entity=settings&limit=3${after}`, undefined, AS_ADMIN);
      paged.push(
        ...(body.items as Row[]).filter(({ outcome }) => outcome === 'done').map(({ request_id }) => request_id),
      );
      next = body.next;
      if (paged.length < 7) await api.call('PATCH', '/config/', { default_epochs: 2 }, AS_ADMIN);
    } while (next !== null);
    assert.deepEqual(paged, all);
    assert.deepEqual(await rows('&who=nobody%20of%20these'), []);
    assert.deepEqual(await rows(`&since=${new Date(Date.now() + 60_000).toISOString()}`), []);
    const { status, body } = await api.call('GET', '/audit/?entity_id=3', undefined, AS_ADMIN);
    assert.equal(status, 400);
    assert.match(String(body.detail), /entity=job/);
  });

  it('has every endpoint that is not declared to change nothing', async () => {
    // Have isAudited (src/api/http/declaration.ts) leave DELETE out, or declare one more endpoint to change nothing.
    const found: string[] = [];
    for (const document of ['/api/v1/openapi.json', '/v1/openapi.json']) {
      const { paths, components } = (await (await fetch(api.url + document)).json()) as OpenApiDocument;
      for (const [path, operations] of Object.entries(paths))
        for (const [method, { requestBody }] of Object.entries(operations)) {
          if (method === 'get') continue;
          const before = (await newest()).request_id;
          const { $ref = '' } = requestBody?.content['application/json']?.schema ?? {};
          const example = components.schemas[$ref.split('/').at(-1) ?? '']?.example ?? {};
          const answer = await fetch(
            api.url + path.replaceAll(/\{\w+\}/g, path.includes('/datasets/uploads/') ? NO_UPLOAD : '999999'),
            {
              method: method.toUpperCase(),
              headers: { ...AS_ADMIN, ...(requestBody && { 'Content-Type': 'application/json' }) },
              ...(requestBody && { body: JSON.stringify(example) }),
            },
          );
          await answer.text();
          const { request_id, route } = await newest();
          if (request_id === before) found.push(`${method.toUpperCase()} ${path}`);
          else assert.equal(route, path);
        }
    }
    assert.deepEqual(found.sort(), CHANGE_NOTHING.sort());
  });

  it('lists so many refused requests a minute, and then their number', async () => {
    const shown = async () => (await rows('&outcome=refused')).filter(({ status }) => status === 401).length;
    const before = await shown();
    for (let n = 0; n < 110; n++) await api.call('DELETE', '/jobs/1');
    assert.ok((await shown()) - before <= 100, `${before} and then ${await shown()}`);
  });
});
