import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Sequelize } from 'sequelize';
import { sweepFiles } from '../../../src/commands/datasets/sweep.ts';
import { connectModels } from '../../../src/models/database.ts';
import { Dataset } from '../../../src/models/datasets/dataset.ts';
import { Project } from '../../../src/models/projects/project.ts';
import { type ApiOnly, startTestApi } from '../../support/api.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { LossyProxy } from '../../support/lossy-proxy.ts';
import { csvRows } from '../../support/rows.ts';

describe('a COMMIT whose answer is lost', function () {
  this.timeout(120_000);
  let database: TestDatabase;
  let proxy: LossyProxy;
  let sequelize: Sequelize;
  let api: ApiOnly;

  before(async () => {
    database = await startTestDatabase();
    proxy = await LossyProxy.open(database.url);
    sequelize = connectModels(proxy.urlOf(database.url));
    api = await startTestApi({ ...database, sequelize });
  });

  after(async () => {
    await api?.close();
    await sequelize?.close();
    await proxy?.close();
    await database?.remove();
  });

  const notes = () => readdir(join(api.env.home, 'uploads', 'unfinished'));

  async function isUsable(id: unknown): Promise<void> {
    const preview = await api.call('GET', `/datasets/${id}/preview?rows=1`);
    assert.equal(preview.status, 200, JSON.stringify(preview.body));
    const download = await fetch(`${api.url}/api/v1/datasets/${id}/download`);
    assert.equal(await download.text(), csvRows(20));
  }

  it('of an upload with a key is looked up again: the answer is the dataset, and so is that of a retry', async () => {
    // Before, the first was answered with 503, and the retry with 201 and a dataset whose files were removed.
    // Let createOnce (src/api/http/idempotency.ts) throw what the first transaction threw, and the first answer is 503 again.
    const upload = () => api.upload('rows.csv', csvRows(20), {}, { 'Idempotency-Key': 'an-upload' });
    proxy.loseCommits();
    const first = await upload();
    assert.equal(proxy.lostCommits, 1);
    assert.equal(first.status, 201, JSON.stringify(first.body));
    assert.equal(first.headers.get('Idempotent-Replayed'), null);
    const again = await upload();
    assert.deepEqual([again.status, again.body.id], [201, first.body.id]);
    assert.equal(await Dataset.count(), 1);
    await sweepFiles(api.env);
    await isUsable(first.body.id);
    assert.deepEqual(await notes(), []);
  });

  it('of an upload without a key leaves the files of the row, and the sweeper finds that it is there', async () => {
    // Remove the files in src/api/datasets/upload.ts when `once` throws, as it was before, and the row has none.
    const lost = proxy.lostCommits;
    proxy.loseCommits();
    const answer = await api.upload('rows.csv', csvRows(20));
    assert.equal(proxy.lostCommits, lost + 1);
    assert.equal(answer.status, 503);
    assert.doesNotMatch(String(answer.body.detail), /nothing is lost/i, 'nobody knows that');
    assert.equal((await notes()).length, 1, 'it is not known yet whether its files are needed');
    await sweepFiles(api.env);
    assert.deepEqual(await notes(), []);
    const latest = await Dataset.findOne({ order: [['id', 'DESC']] });
    await isUsable(latest?.id);
  });

  it('of an upload whose transaction was rolled back leaves files that the sweeper removes', async () => {
    const before = await filesOf(api);
    await sequelize.query(
      `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$`,
    );
    await sequelize.query(
      'CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON datasets DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()',
    );
    try {
      assert.equal((await api.upload('rows.csv', csvRows(20))).status, 500);
    } finally {
      await sequelize.query('DROP TRIGGER refuse ON datasets');
    }
    assert.equal((await notes()).length, 1);
    await sweepFiles(api.env);
    assert.deepEqual(await notes(), []);
    assert.deepEqual(await filesOf(api), before);
  });

  it('of a project with a key makes one project, and its answer is the first one', async () => {
    const { body: dataset } = await api.upload('rows.csv', csvRows(20));
    const project = () =>
      api.call(
        'POST',
        '/projects/',
        {
          name: 'p',
          base_model: 'none/such',
          output_directory: 'p',
          traits: [{ trait_type: 'coding', datasets: [{ dataset_id: dataset.id, percentage: 100 }] }],
        },
        { 'Idempotency-Key': 'a-project' },
      );
    proxy.loseCommits();
    const first = await project();
    assert.equal(first.status, 201, JSON.stringify(first.body));
    assert.equal((await project()).body.id, first.body.id);
    assert.equal(await Project.count(), 1);
  });
});

async function filesOf(api: ApiOnly): Promise<string[][]> {
  return await Promise.all(
    ['uploads', 'datasets'].map(async (folder) =>
      (await readdir(join(api.env.home, folder), { recursive: true })).sort(),
    ),
  );
}
