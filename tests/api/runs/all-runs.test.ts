import assert from 'node:assert/strict';
import { type ApiOnly, startTestApi } from '../../support/api.ts';
import { buildDataset, startTestDatabase, type TestDatabase } from '../../support/database.ts';

interface List {
  total: number;
  items: {
    id: number;
    status: string;
    is_latest: boolean;
    training_type: string;
    owner: { kind: string; id: number; name: string };
  }[];
}

describe('GET /runs/', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let api: ApiOnly;

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database);
    const { id: dataset_id } = await buildDataset();
    for (const name of ['alpha', 'beta', '100%_sure'])
      assert.equal((await api.call('POST', '/jobs/', { name, dataset_id })).status, 201);
    const traits = [{ trait_type: 'coding', datasets: [{ dataset_id, percentage: 100 }] }];
    const project = { name: 'gamma', output_directory: 'p', traits };
    assert.equal((await api.call('POST', '/projects/', project)).status, 201);
    // As if it had been started: the model that this needs is not there.
    await database.sequelize.query(
      `WITH run AS (INSERT INTO runs (project_id, number, spec, status, phase, workflow_id, created_at, updated_at)
         SELECT 1, 1, spec, 'running', 'training', 'project-1-run-1', now(), now() FROM runs LIMIT 1 RETURNING id)
       UPDATE projects SET latest_run_id = run.id FROM run`,
    );
  });

  after(async () => {
    await api?.close();
    await database?.remove();
  });

  async function list(query = ''): Promise<List> {
    const { status, body } = await api.call('GET', `/runs/${query}`);
    assert.equal(status, 200, JSON.stringify(body));
    return body as unknown as List;
  }
  const names = ({ items }: List) => items.map(({ owner }) => owner.name);

  it('lists those of jobs and of projects, newest first, with what they are of', async () => {
    const all = await list();
    assert.deepEqual(names(all), ['gamma', '100%_sure', 'beta', 'alpha']);
    assert.deepEqual(all.items[0]?.owner, { kind: 'project', id: 1, name: 'gamma' });
    assert.ok(all.items.every(({ is_latest }) => is_latest));
  });

  it('searches names as they are, and sorts by them', async () => {
    assert.deepEqual(names(await list('?name=%25_')), ['100%_sure']);
    assert.deepEqual(names(await list('?name=ET')), ['beta']);
    assert.deepEqual(names(await list('?sort=name')), ['100%_sure', 'alpha', 'beta', 'gamma']);
  });

  it('knows statuses one by one and together, and pages', async () => {
    assert.deepEqual(names(await list('?status=running')), ['gamma']);
    assert.equal((await list('?status=open')).total, 4);
    assert.equal((await list('?status=ended')).total, 0);
    assert.deepEqual(names(await list('?kind=job&page_size=2&page=2')), ['alpha']);
  });

  it('sorts by when they ended, whenever they began, and finds those that ended after a time', async () => {
    for (const [name, at] of [
      ['beta', '2026-03-01T00:00:00Z'],
      ['alpha', '2026-03-02T00:00:00Z'],
    ])
      await database.sequelize.query(
        `UPDATE runs SET status = 'cancelled', finished_at = '${at}' FROM jobs WHERE jobs.id = runs.job_id AND jobs.name = '${name}'`,
      );
    assert.deepEqual(names(await list('?sort=-completed_at')), ['alpha', 'beta', 'gamma', '100%_sure']);
    assert.deepEqual(names(await list('?sort=completed_at&page_size=2')), ['beta', 'alpha']);
    assert.deepEqual(names(await list('?completed_after=2026-03-01T12:00:00%2B01:00')), ['alpha']);
    const { status, body } = await api.call('GET', '/runs/?completed_after=yesterday');
    assert.equal(status, 422);
    assert.match(String(body.detail), /completed_after is "yesterday": must be a date like/);
  });

  it('tells the training type of each part of a project, and finds runs by it', async () => {
    // Take the project's type in TRAINING_TYPE (src/models/runs/all-runs.ts).
    await database.sequelize.query(
      `UPDATE projects SET training_type = 'lora', followed_by = '{"training_type": "dpo"}';
       UPDATE runs SET spec = jsonb_set(spec, '{training_type}', '"lora"') WHERE project_id = 1;
       UPDATE runs SET status = 'completed', finished_at = now() WHERE project_id = 1;
       INSERT INTO runs (project_id, number, spec, status, phase, workflow_id, created_at, updated_at)
         SELECT 1, 2, jsonb_set(spec, '{training_type}', '"dpo"'), 'pending', 'queued', 'project-1-run-2', now(), now() FROM runs WHERE project_id = 1`,
    );
    const typesOf = ({ items }: List) => items.map(({ training_type }) => training_type);
    assert.deepEqual(typesOf(await list('?kind=project')), ['dpo', 'lora']);
    assert.deepEqual(typesOf(await list('?kind=project&training_type=dpo')), ['dpo']);
    assert.equal((await list('?kind=project&training_type=lora')).total, 1);
  });
});
