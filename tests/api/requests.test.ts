import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { requireSafeAddress } from '../../src/api/guard.ts';
import { Job } from '../../src/models/job.ts';
import { type ApiOnly, startTestApi } from '../support/api.ts';
import { startTestDatabase, type TestDatabase } from '../support/database.ts';
import { csvRows } from '../support/rows.ts';

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
    assert.throws(() => requireSafeAddress(env), /Set MTM_API_KEYS/);
    for (const safe of [{ apiKeys: ['k'] }, { trustNetwork: true }, { host: '127.0.0.1' }]) {
      requireSafeAddress({ ...env, ...safe });
    }
  });
});
