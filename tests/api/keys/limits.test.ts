import assert from 'node:assert/strict';
import { createRun } from '../../../src/models/runs/create-run.ts';
import { AS_ITS_TURN_COMES } from '../../../src/models/runs/queue-choices.ts';
import { Run } from '../../../src/models/runs/run.ts';
import { type ApiOnly, startTestApi } from '../../support/api.ts';
import { type MadeKey, makeKey } from '../../support/api-keys.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { csvRows } from '../../support/rows.ts';
import { TINY_MODEL } from '../../support/service.ts';
import { putTinyModel } from '../../support/tiny-models.ts';

describe('max_open_runs of a key', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let api: ApiOnly;
  let admin: MadeKey;
  let datasetId: number;

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database);
    await putTinyModel(api.env, 'tiny-random');
    admin = await makeKey(api, { name: 'admin', role: 'admin' });
    datasetId = Number((await api.upload('rows.csv', csvRows(20), {}, admin.headers)).body.id);
  });
  after(async () => {
    await api?.close();
    await database?.remove();
  });

  async function limited(name: string, most: number): Promise<MadeKey> {
    const key = await makeKey(api, { name, role: 'trainer' }, admin.headers);
    const { status } = await api.call('PATCH', `/keys/${key.id}`, { max_open_runs: most }, admin.headers);
    assert.equal(status, 200);
    return key;
  }
  const job = (key: MadeKey, headers = {}) =>
    api.call('POST', '/jobs/', { name: 'j', dataset_id: datasetId }, { ...key.headers, ...headers });
  const openRuns = async (key: MadeKey) =>
    (await api.call('GET', `/keys/${key.id}`, undefined, admin.headers)).body.open_runs;

  it('refuses one run more with a sentence, leaves nothing of it, and stops no other key', async () => {
    // Leave withinLimits out of addJob (src/models/jobs/add-job.ts), or x-should-retry out of renderErrors (src/api/http/errors.ts).
    const key = await limited('one', 1);
    assert.equal((await job(key)).status, 201);
    const jobs = (await api.call('GET', '/jobs/', undefined, admin.headers)).body.total;
    const { status, body, headers } = await job(key);
    assert.equal(status, 429);
    assert.equal(
      body.detail,
      'The key "one" may have 1 run that waits or is under way (max_open_runs), and has 1. Wait until one has ended, or cancel one; an admin can change the limit.',
    );
    assert.equal(headers.get('x-should-retry'), 'false');
    assert.equal((await api.call('GET', '/jobs/', undefined, admin.headers)).body.total, jobs);
    assert.equal(await openRuns(key), 1);
    assert.equal((await job(admin)).status, 201);
    // A refusal is not kept for the key of a request: the same one is done once there is a place.
    assert.equal((await job(key, { 'Idempotency-Key': 'later' })).status, 429);
    await api.call('PATCH', `/keys/${key.id}`, { max_open_runs: null }, admin.headers);
    assert.equal((await job(key, { 'Idempotency-Key': 'later' })).status, 201);
  });

  it('lets no two of many requests at once pass with one place left', async () => {
    // Leave FOR NO KEY UPDATE out of limitOf, and more pass.
    const key = await limited('many', 3);
    const statuses = (await Promise.all(Array.from({ length: 12 }, () => job(key)))).map(({ status }) => status);
    assert.equal(statuses.filter((status) => status === 201).length, 3, String(statuses));
    assert.equal(statuses.filter((status) => status === 429).length, 9, String(statuses));
    assert.equal(await openRuns(key), 3);
  });

  it('counts a run that is started again for the key that asks, and none that has ended', async () => {
    // Leave withinLimits out of createRun (src/models/runs/create-run.ts), or let OPEN (src/models/keys/limits.ts) have every status.
    const key = await limited('again', 1);
    const first = Number((await job(key)).body.id);
    const ended = { status: 'cancelled', phase: 'finished', finished_at: new Date() } as const;
    await Run.update(ended, { where: { job_id: first } });
    assert.equal(await openRuns(key), 0);
    assert.equal((await job(key)).status, 201);
    const again = () => api.call('POST', `/jobs/${first}/start`, { fresh: true }, key.headers);
    assert.equal((await again()).status, 429);
    await api.call('PATCH', `/keys/${key.id}`, { max_open_runs: 2 }, admin.headers);
    assert.equal((await again()).status, 200);
    assert.equal(await openRuns(key), 2);
  });

  it('refuses a sweep that is larger, as a whole', async () => {
    // Leave withinLimits out of addJob (src/models/jobs/add-job.ts).
    const key = await limited('sweep', 2);
    const sweep = (rates: number[]) =>
      api.call(
        'POST',
        '/sweeps/',
        {
          name: 's',
          job: { dataset_id: datasetId },
          search: { method: 'grid', hyperparameters: { learning_rate: rates } },
        },
        key.headers,
      );
    const refused = await sweep([0.001, 0.002, 0.003]);
    assert.equal(refused.status, 429, JSON.stringify(refused.body));
    assert.equal(await openRuns(key), 0);
    const made = await sweep([0.001, 0.002]);
    assert.equal(made.status, 201, JSON.stringify(made.body));
    assert.equal(await openRuns(key), 2);
  });

  it('counts the runs of projects, and never refuses one that follows another', async () => {
    // Leave withinLimits out of createRun, or have createRun (src/models/runs/create-run.ts) not write keyId.
    const key = await limited('project', 1);
    const project = async (name: string) => {
      const { body } = await api.call(
        'POST',
        '/projects/',
        {
          ...{ name, base_model: TINY_MODEL, output_directory: name, max_rows: 20 },
          traits: [{ trait_type: 'coding', datasets: [{ dataset_id: datasetId, percentage: 100 }] }],
        },
        key.headers,
      );
      return Number(body.id);
    };
    const start = (id: number) => api.call('POST', `/projects/${id}/start`, {}, key.headers);
    const id = await project('p');
    const started = await start(id);
    assert.equal(started.status, 200, JSON.stringify(started.body));
    const second = await project('q');
    assert.equal((await start(second)).status, 429);
    const run = await Run.findOne({ where: { project_id: id }, rejectOnEmpty: true });
    // As finish-run.ts does it, which nobody asks.
    await database.sequelize.transaction((transaction) =>
      createRun({ kind: 'project', id: second }, run.spec, transaction, null, AS_ITS_TURN_COMES, run.key_id ?? null),
    );
    assert.equal(await openRuns(key), 2);
  });

  it('answers a client of OpenAI so that it does not try again, and keeps no job', async () => {
    // Leave x-should-retry out of renderErrors (src/api/http/errors.ts), or withinLimits out of addJob.
    const key = await limited('client', 1);
    const form = new FormData();
    const messages = ['user', 'assistant'].map((role) => ({ role, content: role }));
    form.set('file', new Blob([`${JSON.stringify({ messages })}\n`.repeat(12)]), 'chat.jsonl');
    form.set('purpose', 'fine-tune');
    const file = await fetch(`${api.url}/v1/files`, { method: 'POST', headers: key.headers, body: form });
    const { id } = (await file.json()) as { id: string };
    const ask = () =>
      fetch(`${api.url}/v1/fine_tuning/jobs`, {
        method: 'POST',
        headers: { ...key.headers, 'Content-Type': 'application/json' },
        body: JSON.stringify({ model: TINY_MODEL, training_file: id }),
      });
    const made = await ask();
    assert.equal(made.status, 200, await made.text());
    const refused = await ask();
    const { error } = (await refused.json()) as { error: { code: string; message: string } };
    assert.deepEqual(
      [refused.status, refused.headers.get('x-should-retry'), error.code],
      [429, 'false', 'insufficient_quota'],
    );
    assert.match(error.message, /^The key "client" may have 1 run /);
    const list = await fetch(`${api.url}/v1/fine_tuning/jobs`, { headers: key.headers });
    assert.equal(((await list.json()) as { data: unknown[] }).data.length, 1);
  });
});
