import assert from 'node:assert/strict';
import { join } from 'node:path';
import { Host } from '../../../src/models/pool/host.ts';
import { type ApiOnly, startTestApi } from '../../support/api.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { TINY_MODEL } from '../../support/service.ts';
import { putTinyModel } from '../../support/tiny-models.ts';

/** Leave resolveBatch out of createJob (src/commands/jobs/create-job.ts), and these fail. */
describe('a batch that is left to the estimate', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let api: ApiOnly;
  let datasetId: number;

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database, { modelCache: join(database.home, 'models') });
    await putTinyModel(api.env, 'tiny-random');
    datasetId = Number((await api.upload('rows.csv', 'input,output\na,b\nc,d\ne,f\n')).body.id);
  });

  after(async () => {
    await api?.close();
    await database?.remove();
  });

  const create = (options: object) =>
    api.call('POST', '/jobs/', { name: 'job', dataset_id: datasetId, model_name: TINY_MODEL, ...options });
  const hyperparametersOf = (body: Record<string, unknown>) => body.hyperparameters as Record<string, unknown>;

  it('is refused where nobody knows what would fit', async () => {
    const { status, body } = await create({ batch_size: 'auto' });
    assert.equal(status, 400);
    assert.match(String(body.detail), /batch_size is "auto", and it is not known what would fit.*Send a number/);
  });

  it('is kept as numbers, with as many rows per step as asked', async () => {
    const memory = { bytes: 8e9, available_bytes: 8e9, cpu: 'Some CPU', cpu_has_bf16: true, gpus: [] };
    await Host.report({ name: 'host', agentPid: 1, devices: ['cpu'], memory, startedAt: new Date() });
    const { status, body } = await create({ batch_size: 'auto', rows_per_step: 96, max_length: 64 });
    assert.equal(status, 201, JSON.stringify(body));
    assert.deepEqual([body.batch_size, hyperparametersOf(body).gradient_accumulation], [48, 2]);
    assert.equal(hyperparametersOf(body).rows_per_step, undefined);
  });

  it('is smaller where rows are long', async () => {
    const { body } = await create({ batch_size: 'auto', rows_per_step: 64, max_length: 32_768 });
    const size = Number(body.batch_size);
    assert.ok(size < 64, `${size} rows of 32,768 tokens`);
    assert.equal(size * Number(hyperparametersOf(body).gradient_accumulation), 64);
  });

  it('goes with a number as well, whose multiple the rows of a step are', async () => {
    const { body } = await create({ batch_size: 4, rows_per_step: 12 });
    assert.deepEqual([body.batch_size, hyperparametersOf(body).gradient_accumulation], [4, 3]);
    const odd = await create({ batch_size: 5, rows_per_step: 12 });
    assert.equal(odd.status, 400);
    assert.match(String(odd.body.detail), /rows_per_step is 12, which batches of 5 \(batch_size\) do not make/);
    const both = await create({ rows_per_step: 12, gradient_accumulation: 3 });
    assert.match(String(both.body.detail), /both say how many rows a step takes/);
  });
});
