import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import fc from 'fast-check';
import { QueryTypes } from 'sequelize';
import { requireSafeAddress } from '../../../src/api/http/safe-address.ts';
import { Job } from '../../../src/models/jobs/job.ts';
import { type ApiOnly, startTestApi } from '../../support/api.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { csvRows } from '../../support/rows.ts';

/** Requests of every kind, at an API with a real database whose Temporal is away: nothing here needs it. */
describe('requests', function () {
  this.timeout(120_000);
  let database: TestDatabase;
  let api: ApiOnly;
  let datasetId: number;

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database);
    datasetId = Number((await api.upload('rows.csv', csvRows(50))).body.id);
  });

  after(async () => {
    await api?.close();
    await database?.remove();
  });

  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

  const cancelled = async (jobId: number) => {
    assert.equal((await api.call('POST', `/jobs/${jobId}/cancel`)).status, 200);
  };

  describe('with an Idempotency-Key', () => {
    it('create once, also when they come at the same time', async () => {
      const headers = { 'Idempotency-Key': randomUUID() };
      const body = { name: 'once', dataset_id: datasetId };
      const answers = await Promise.all(Array.from({ length: 20 }, () => api.call('POST', '/jobs/', body, headers)));
      assert.deepEqual([...new Set(answers.map(({ status }) => status))], [201]);
      assert.equal(new Set(answers.map((answer) => answer.body.id)).size, 1);
      assert.equal(answers.filter((answer) => answer.headers.get('Idempotent-Replayed') === 'true').length, 19);
      assert.equal(await Job.count({ where: { name: 'once' } }), 1);
    });

    it('are refused when the key was used for something else, or is none', async () => {
      const headers = { 'Idempotency-Key': randomUUID() };
      assert.equal((await api.call('POST', '/jobs/', { name: 'a', dataset_id: datasetId }, headers)).status, 201);
      const other = await api.call('POST', '/jobs/', { name: 'b', dataset_id: datasetId }, headers);
      assert.equal(other.status, 409);
      assert.match(String(other.body.detail), /was used with another request/);
      const bad = await api.call('POST', '/jobs/', { name: 'b', dataset_id: datasetId }, { 'Idempotency-Key': 'a b' });
      assert.equal(bad.status, 422);
    });

    it('that were refused may come again', async () => {
      const headers = { 'Idempotency-Key': randomUUID() };
      assert.equal((await api.call('POST', '/jobs/', { name: 'x', dataset_id: 999_999 }, headers)).status, 400);
      assert.equal((await api.call('POST', '/jobs/', { name: 'x', dataset_id: datasetId }, headers)).status, 201);
    });

    /** Sends this text as it is. */
    async function post(path: string, key: string, text: string) {
      const headers = { 'Content-Type': 'application/json', 'Idempotency-Key': key };
      const response = await fetch(`${api.url}/api/v1${path}`, { method: 'POST', headers, body: text });
      return { status: response.status, body: (await response.json()) as { id: number } };
    }

    const keptOf = async (key: string) => {
      const [row] = await database.sequelize.query<{ scope: string; request_sha256: string }>(
        'SELECT scope, request_sha256 FROM idempotency_keys WHERE key = $key',
        { bind: { key }, type: QueryTypes.SELECT },
      );
      return row;
    };

    it('create once, whether or not there is a slash at the end', async () => {
      // Make ctx.path the scope again in src/api/http/endpoint.ts and there are two jobs.
      const key = randomUUID();
      const text = JSON.stringify({ name: 'one scope', dataset_id: datasetId });
      const [first, second] = [await post('/jobs', key, text), await post('/jobs/', key, text)];
      assert.deepEqual([first.status, second.status, second.body], [201, 201, first.body]);
      assert.equal(await Job.count({ where: { name: 'one scope' } }), 1);
    });

    it('may use a key again for another thing', async () => {
      const traits = [{ trait_type: 'coding', datasets: [{ dataset_id: datasetId, percentage: 100 }] }];
      const key = randomUUID();
      const job = await post('/jobs/', key, JSON.stringify({ name: 'key of two', dataset_id: datasetId }));
      const project = { name: 'key of two', output_directory: 'p', traits };
      assert.deepEqual([job.status, (await post('/projects/', key, JSON.stringify(project))).status], [201, 201]);
      await cancelled(job.body.id);
      const other = await post('/jobs/', randomUUID(), JSON.stringify({ name: 'another', dataset_id: datasetId }));
      await cancelled(other.body.id);
      for (const { body } of [job, other]) assert.equal((await post(`/jobs/${body.id}/start`, key, '')).status, 200);
    });

    it('are the same by the bytes that were sent, whatever a version makes of them', async () => {
      // A version that adds a default would answer 409 to a key of the one before: hash `body` again in src/api/http/endpoint.ts.
      const key = randomUUID();
      const text = `{ "dataset_id": ${datasetId}, "name": " as sent " }`;
      assert.equal((await post('/jobs/', key, text)).status, 201);
      assert.deepEqual(await keptOf(key), { scope: 'POST /jobs/ {}', request_sha256: sha256(text) });
      assert.equal((await post('/jobs/', key, text)).status, 201);
      assert.equal((await post('/jobs/', key, JSON.stringify(JSON.parse(text)))).status, 409);
    });

    for (const scope of ['POST /api/v1/jobs/', 'POST /api/v1/jobs']) {
      it(`are replayed where version 1.0 kept the key as ${scope}`, async () => {
        // Take `formerly` out of src/api/http/idempotency.ts and a second job is created.
        const key = randomUUID();
        const text = `{ "name": "of before ${scope}", "dataset_id": ${datasetId} }`;
        const first = await post('/jobs/', key, text);
        await database.sequelize.query(
          'UPDATE idempotency_keys SET scope = $scope, request_sha256 = $sha256 WHERE key = $key',
          { bind: { key, scope, sha256: sha256(JSON.stringify(JSON.parse(text))) } },
        );
        const again = await post('/jobs/', key, text);
        assert.deepEqual([again.status, again.body], [201, first.body]);
        assert.equal((await post('/jobs/', key, text.replace('of before', 'other'))).status, 409);
        assert.equal(await Job.count({ where: { name: `of before ${scope}` } }), 1);
      });
    }

    it('upload once, and keep the files once', async () => {
      const headers = { 'Idempotency-Key': randomUUID() };
      const first = await api.upload('twice.csv', csvRows(5), {}, headers);
      const files = async () => (await readdir(join(api.env.home, 'datasets'))).length;
      const before = await files();
      const again = await api.upload('twice.csv', csvRows(5), {}, headers);
      assert.deepEqual([again.status, again.body], [201, first.body]);
      assert.equal(await files(), before);
    });
  });

  it('find what they search for, sorted', async () => {
    for (const name of ['Alpha 50%', 'beta', 'alpha_2']) await api.upload(`${name}.csv`, csvRows(2), { name });
    const names = async (query: string) =>
      ((await api.call('GET', `/datasets/?${query}`)).body.items as { name: string }[]).map(({ name }) => name);
    assert.deepEqual(await names('name=ALPHA&sort=name'), ['Alpha 50%', 'alpha_2']);
    assert.deepEqual(await names('name=%25'), ['Alpha 50%']);
    assert.deepEqual(await names('name=_'), ['alpha_2']);
    assert.deepEqual(await names('sort=-id&page_size=2'), ['alpha_2', 'beta']);
    assert.deepEqual(await names('created_after=2100-01-01T00:00:00Z'), []);
    assert.deepEqual(await names('created_before=2000-01-01T00:00:00Z'), []);
    assert.equal((await api.call('GET', '/datasets/?sort=size')).status, 422);
    assert.equal((await api.call('GET', '/datasets/?created_after=yesterday')).status, 422);

    await api.call('POST', '/jobs/', { name: 'standard one', dataset_id: datasetId, training_type: 'standard' });
    const jobs = (await api.call('GET', '/jobs/?training_type=standard&status=pending')).body;
    assert.equal(jobs.total, 1);
    const traits = [{ trait_type: 'coding', datasets: [{ dataset_id: datasetId, percentage: 100 }] }];
    await api.call('POST', '/projects/', { name: 'never started', output_directory: 'p', traits });
    assert.equal((await api.call('GET', '/projects/?status=pending')).body.total, 1);
    assert.equal((await api.call('GET', '/projects/?status=running')).body.total, 0);
  });

  it('learns at the rate of the training type, unless somebody sets one for all', async () => {
    const rates = async () => {
      const created = [];
      for (const training_type of ['lora', 'qlora', 'standard']) {
        const job = { name: training_type, dataset_id: datasetId, training_type };
        created.push((await api.call('POST', '/jobs/', job)).body.learning_rate);
      }
      return created;
    };
    const set = async (body: object) => (await api.call('PATCH', '/config/', body)).body.default_learning_rate;
    assert.deepEqual(await rates(), [0.0002, 0.0002, 0.00002]);
    assert.equal(await set({ default_training_type: 'standard' }), 0.00002);
    assert.equal(await set({ default_training_type: 'qlora' }), 0.0002);
    assert.equal(await set({ default_learning_rate: 0.0002 }), 0.0002);
    assert.deepEqual(await rates(), [0.0002, 0.0002, 0.0002]);
    assert.equal(await set({ default_learning_rate: null }), 0.0002);
    assert.deepEqual(await rates(), [0.0002, 0.0002, 0.00002]);
    const { components } = (await api.call('GET', '/openapi.json')).body as {
      components: { schemas: Record<string, { properties: Record<string, { description?: string }> }> };
    };
    for (const [schema, field] of [
      ['JobCreate', 'learning_rate'],
      ['ProjectCreate', 'learning_rate'],
      ['Config', 'default_learning_rate'],
      ['ConfigPatch', 'default_learning_rate'],
    ] as const)
      assert.match(
        String(components.schemas[schema]?.properties[field]?.description),
        /: 0\.0002 \(lora, qlora\), 0\.00002 \(standard\)/,
      );
  });

  it('show what a dataset holds, and give its file back', async () => {
    const { rows, columns } = (await api.call('GET', `/datasets/${datasetId}/preview?rows=2`)).body as {
      rows: { values: Record<string, string>; messages: { role: string; content: string }[] }[];
      columns: string[];
    };
    assert.deepEqual(columns, ['input', 'output']);
    assert.equal(rows.length, 2);
    assert.deepEqual(rows[1]?.values, { input: 'row number 1 please', output: 'answer 1' });
    assert.deepEqual(rows[1]?.messages, [
      { role: 'user', content: 'row number 1 please' },
      { role: 'assistant', content: 'answer 1' },
    ]);
    const file = await fetch(`${api.url}/api/v1/datasets/${datasetId}/download`);
    assert.equal(await file.text(), csvRows(50));
    assert.match(file.headers.get('Content-Disposition') ?? '', /rows.csv/);
  });

  it('that create say where what they created is', async () => {
    // Take `location` out of the declarations (src/api/jobs/routes.ts and its like).
    const traits = [{ trait_type: 'coding', datasets: [{ dataset_id: datasetId, percentage: 100 }] }];
    const headers = { 'Idempotency-Key': randomUUID() };
    const job = { name: 'located', dataset_id: datasetId };
    for (const created of [
      await api.upload('located.csv', csvRows(3)),
      await api.call('POST', '/jobs/', job, headers),
      await api.call('POST', '/jobs/', job, headers),
      await api.call('POST', '/projects/', { name: 'p', output_directory: 'p', traits }),
    ]) {
      assert.equal(created.status, 201, JSON.stringify(created.body));
      const found = await fetch(api.url + created.headers.get('Location'));
      assert.equal(((await found.json()) as { id: number }).id, created.body.id);
    }
  });

  it('about dates are refused outside of the years 1 to 9999, and never fail', async () => {
    // Take the refinement out of dateFilter (src/api/http/shared-schema.ts): year 0 is then refused by PostgreSQL.
    const statusOf = async (path: string, filter: string, date: string) =>
      (await api.call('GET', `/${path}/?${filter}=${encodeURIComponent(date)}`)).status;
    for (const [date, status] of [
      ['0000-01-01T00:00:00Z', 422],
      ['0001-01-01T00:00:00+23:59', 422],
      ['9999-12-31T23:59:59-00:01', 422],
      ['0001-01-01T00:00:00Z', 200],
      ['9999-12-31T23:59:59.999999999Z', 200],
    ] as const) {
      for (const path of ['jobs', 'projects', 'datasets'])
        for (const filter of ['created_after', 'created_before'])
          assert.equal(await statusOf(path, filter, date), status, `${path} ${filter} ${date}`);
    }
    const two = (most: number) => fc.integer({ min: 0, max: most }).map((n) => String(n).padStart(2, '0'));
    const dates = fc
      .tuple(
        fc.oneof(
          fc.constantFrom('0000', '0001', '9999'),
          fc.integer({ min: 0, max: 9_999 }).map((n) => String(n).padStart(4, '0')),
        ),
        ...[two(13), two(32), two(24), two(60)],
        fc.constantFrom('', ':00', ':59.5', ':60', ':00.123456789012345678901234567890'),
        fc.oneof(
          fc.constant('Z'),
          fc.tuple(fc.constantFrom('+', '-'), two(24), two(60)).map(([sign, h, m]) => `${sign}${h}:${m}`),
        ),
      )
      .map(
        ([year, month, day, hour, minute, second, zone]) => `${year}-${month}-${day}T${hour}:${minute}${second}${zone}`,
      );
    await fc.assert(
      fc.asyncProperty(dates, fc.constantFrom('created_after', 'created_before'), async (date, filter) => {
        assert.ok([200, 422].includes(await statusOf('jobs', filter, date)), date);
      }),
      { numRuns: 300 },
    );
  });

  it('plan a mixture without creating anything', async () => {
    const traits = [{ trait_type: 'coding', datasets: [{ dataset_id: datasetId, percentage: 100 }] }];
    const { status, body } = await api.call('POST', '/projects/plan', { max_rows: 30, traits });
    assert.equal(status, 200, JSON.stringify(body));
    assert.deepEqual([body.train_rows, body.held_out_rows], [30, 5]);
    assert.equal((await api.call('POST', '/projects/plan', { traits: [] })).status, 400);
  });

  it('are answered with and without a slash at the end', async () => {
    for (const path of ['/datasets', '/datasets/', `/datasets/${datasetId}`, `/datasets/${datasetId}/`]) {
      assert.equal((await api.call('GET', path)).status, 200, path);
    }
    assert.equal((await api.call('POST', '/jobs', { name: 'no slash', dataset_id: datasetId })).status, 201);
  });

  describe('from where they may not come', () => {
    /** fetch sets Host itself. */
    function raw(headers: Record<string, string>, method = 'GET'): Promise<{ status: number; text: string }> {
      return new Promise((resolve, reject) => {
        const asked = request(`${api.url}/api/v1/jobs/`, { method, headers }, (response) => {
          let text = '';
          response.on('data', (chunk) => {
            text += chunk;
          });
          response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
        });
        asked.on('error', reject);
        asked.end();
      });
    }

    it('are refused: another site’s name for us, or another site’s page, for every method', async () => {
      for (const method of ['GET', 'POST', 'DELETE']) {
        const rebound = await raw({ Host: 'evil.example' }, method);
        assert.equal(rebound.status, 403);
        assert.match(rebound.text, /MTM_ALLOWED_HOSTS/);
        assert.equal((await raw({ Origin: 'https://evil.example' }, method)).status, 403);
        assert.equal((await raw({ Origin: 'null' }, method)).status, 403);
      }
      const { host } = new URL(api.url);
      assert.equal((await raw({ Origin: `http://${host}` })).status, 200);
      assert.equal((await raw({ Host: `localhost:${new URL(api.url).port}` })).status, 200);
    });

    it('carry headers that keep browsers safe and do not break plain HTTP', async () => {
      const { headers } = await api.call('GET', '/jobs/');
      assert.equal(headers.get('X-Content-Type-Options'), 'nosniff');
      assert.match(headers.get('Content-Security-Policy') ?? '', /frame-ancestors 'none'/);
      assert.doesNotMatch(headers.get('Content-Security-Policy') ?? '', /upgrade-insecure-requests/);
      assert.equal(headers.get('Strict-Transport-Security'), null);
    });
  });

  it('need a key where there are keys, and a public address needs them', async () => {
    const keyed = await startTestApi(database, { apiKeys: ['first-key', 'second-key'] });
    try {
      const bare = await keyed.call('GET', '/jobs/');
      assert.equal(bare.status, 401);
      assert.equal(bare.headers.get('WWW-Authenticate'), 'Bearer');
      for (const [key, status] of [
        ['first-key', 200],
        ['second-key', 200],
        ['wrong', 401],
        ['', 401],
      ] as const) {
        const answer = await keyed.call('GET', '/jobs/', undefined, { Authorization: `Bearer ${key}` });
        assert.equal(answer.status, status, key);
      }
      assert.equal((await keyed.call('GET', '/health')).status, 200, 'probes need none');
    } finally {
      await keyed.close();
    }
    const env = { ...api.env, host: '0.0.0.0', apiKeys: [], trustNetwork: false };
    const noKeys = async () => 0;
    await assert.rejects(requireSafeAddress(env, noKeys), /mtm key add .* or set MTM_API_KEYS/);
    for (const safe of [{ apiKeys: ['k'] }, { trustNetwork: true }, { host: '127.0.0.1' }]) {
      await requireSafeAddress({ ...env, ...safe }, noKeys);
    }
    await requireSafeAddress(env, async () => 1);
  });
});
