import assert from 'node:assert/strict';
import { type ApiOnly, startTestApi } from '../../support/api.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { csvRows } from '../../support/rows.ts';

describe('the users of a dataset', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let api: ApiOnly;
  let used: number;
  let unused: number;

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database);
    used = Number((await api.upload('used.csv', csvRows(3))).body.id);
    unused = Number((await api.upload('unused.csv', csvRows(4))).body.id);
    await database.sequelize.query(
      `INSERT INTO jobs (name, dataset_id, training_type, model_name, batch_size, learning_rate, epochs, lora_r, lora_alpha, lora_dropout, hyperparameters, created_at, updated_at)
       SELECT 'job ' || n, ${used}, 'qlora', 'mtm/none', 4, 0.0002, 1, 16, 32, 0, '{}', now(), now() FROM generate_series(1, 12) AS n`,
    );
    const traits = [{ trait_type: 'coding', datasets: [{ dataset_id: used, percentage: 100 }] }];
    const project = { name: 'a project', base_model: 'mtm/none', output_directory: 'p', traits };
    assert.equal((await api.call('POST', '/projects/', project)).status, 201);
  });
  after(async () => {
    await api?.close();
    await database?.remove();
  });

  const usersOf = async (id: number, query = '') => (await api.call('GET', `/datasets/${id}/users${query}`)).body;

  it('are its jobs and its projects, by page', async () => {
    const { items, total, pages } = await usersOf(used, '?page=2&page_size=10');
    assert.deepEqual([total, pages], [13, 2]);
    const names = (items as { kind: string; name: string }[]).map(({ kind, name }) => `${kind}: ${name}`);
    assert.deepEqual(names, ['job: job 11', 'job: job 12', 'project: a project']);
    assert.equal((await usersOf(used, '?page=9')).total, 13);
    assert.deepEqual((await usersOf(unused)).items, []);
    assert.equal((await api.call('GET', '/datasets/999/users')).status, 404);
  });

  it('are named by the refusal to delete it: the first ten, and how many more there are', async () => {
    const { status, body } = await api.call('DELETE', `/datasets/${used}`);
    assert.equal(status, 409);
    assert.match(
      String(body.detail),
      /used by job 1 \(job 1\), .*job 10 \(job 10\) and 3 more \(GET \/datasets\/1\/users\)\./,
    );
    assert.equal((await api.call('DELETE', `/datasets/${unused}`)).status, 204);
  });
});
