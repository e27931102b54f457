import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Dataset } from '../../src/models/datasets/dataset.ts';
import { type ApiOnly, startTestApi } from '../support/api.ts';
import { COMPLETE, putInCache } from '../support/base-models.ts';
import { startTestDatabase, type TestDatabase } from '../support/database.ts';

/** 100 rows: the last 20 are the first once more, and 10 have answers of more than 100 characters. */
const ROWS = Array.from({ length: 80 }, (_, i) => `question ${i},${i < 10 ? 'long '.repeat(25) : `answer ${i}`}`);
const CSV = ['input,output', ...ROWS, ...ROWS.slice(20, 40)].join('\n');

describe('the plan of a mixture', function () {
  this.timeout(120_000);
  let database: TestDatabase;
  let api: ApiOnly;
  let datasetId: number;

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database, { python: undefined, toolsDir: join(database.home, 'no-tools') });
    datasetId = Number((await api.upload('rows.csv', CSV)).body.id);
  });
  after(async () => {
    await api.close();
    await database.remove();
  });

  function plan(share: object = {}, others: object = {}) {
    const datasets = [{ dataset_id: datasetId, percentage: 100, ...share }];
    return api.call('POST', '/projects/plan', { traits: [{ trait_type: 'coding', datasets }], ...others });
  }

  for (const [filters, rows] of [
    [{}, 100],
    [{ drop_duplicates: true }, 80],
    [{ max_characters: 100 }, 90],
    [{ drop_duplicates: true, max_characters: 100 }, 70],
  ] as const) {
    it(`has ${rows} rows to choose from with the filters ${JSON.stringify(filters)}`, async () => {
      const { body } = await plan({ filters });
      const [trait] = body.traits as { datasets: { rows: number }[] }[];
      assert.equal(trait?.datasets[0]?.rows, rows);
      const {
        train_rows,
        held_out_rows = 0,
        warnings,
      } = body as { train_rows: number; held_out_rows: number; warnings: string[] };
      assert.equal(train_rows, rows - Math.floor(rows / 10));
      // Of duplicates, hardly one is not trained on: the plan says how many are left.
      const isShort = held_out_rows < Math.floor(rows / 10);
      assert.equal(isShort, !('drop_duplicates' in filters));
      assert.equal(
        isShort,
        warnings.some((warning) => warning.startsWith(`Only ${held_out_rows} of `)),
      );
    });
  }

  it('takes a project as it would be created, and counts its steps', async () => {
    const { status, body } = await plan(
      {},
      {
        name: 'a project',
        description: null,
        output_directory: 'anywhere',
        training_type: 'standard',
        batch_size: 8,
        gradient_accumulation: 2,
        epochs: 5,
      },
    );
    assert.equal(status, 200, JSON.stringify(body));
    // 90 rows: 12 batches, 6 steps.
    assert.deepEqual([body.steps, body.tokens], [{ per_epoch: 6, total: 30 }, null]);
    assert.deepEqual((await plan({}, { batch_size: 8, epochs: 5, max_steps: 7 })).body.steps, {
      per_epoch: 12,
      total: 7,
    });
  });

  it('of a job takes all rows of its dataset, and counts its steps', async () => {
    // Leave force in JobPlanRequest (src/api/jobs/schema.ts), and it is taken without an effect.
    const job = { dataset_id: datasetId, training_type: 'standard', batch_size: 8, epochs: 2 };
    const { status, body } = await api.call('POST', '/jobs/plan', job);
    assert.equal(status, 200, JSON.stringify(body));
    assert.deepEqual([body.train_rows, body.steps], [90, { per_epoch: 12, total: 24 }]);
    assert.deepEqual(
      (body.traits as { trait_type: string; requested: number | null }[]).map((trait) => [
        trait.trait_type,
        trait.requested,
      ]),
      [['all', null]],
    );
    const forced = await api.call('POST', '/jobs/plan', { ...job, force: true });
    assert.equal(forced.status, 422);
    assert.match(String(forced.body.detail), /^Unknown body field "force"/);
    const none = await api.call('POST', '/jobs/plan', { ...job, dataset_id: 4711 });
    assert.equal(none.status, 400);
    assert.match(String(none.body.detail), /dataset_id 4711 is no dataset/);
  });

  it('says that the file of a dataset is gone', async () => {
    const { body } = await api.upload('other.csv', CSV);
    const dataset = await Dataset.findByPk(Number(body.id), { rejectOnEmpty: true });
    await rm(dataset.parquet_path);
    const { status, body: refused } = await plan({ dataset_id: dataset.id });
    assert.equal(status, 400);
    assert.match(String(refused.detail), /is gone. Put it back from a backup, or upload the dataset again/);
  });

  it('has no tokens without a model, and says what to do for them', async () => {
    const unknown = await plan({}, { base_model: 'none/such' });
    assert.equal(unknown.status, 400);
    assert.match(String(unknown.body.detail), /none\/such is not in the cache/);

    await putInCache(api.env.modelCache, 'some/model', COMPLETE);
    const early = await plan({}, { base_model: 'some/model' });
    assert.equal(early.status, 503);
    assert.match(String(early.body.detail), /the trainer's Python, which is not there yet. `npm start` makes it/);
  });
});
