import assert from 'node:assert/strict';
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Host } from '../../../src/models/pool/host.ts';
import { type ApiOnly, startTestApi } from '../../support/api.ts';
import { putInCache, withHeader } from '../../support/base-models.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';

const MODEL = 'some/large';
const LAYERS = 10;
/** 65 million in embeddings, 50 million in each layer. */
const SHAPES: [string, number[]][] = [
  ['model.embed_tokens.weight', [32_000, 2_048]],
  ...Array.from({ length: LAYERS }, (_, layer) =>
    ['gate_proj', 'up_proj', 'down_proj'].map((name): [string, number[]] => [
      `model.layers.${layer}.mlp.${name}.weight`,
      name === 'down_proj' ? [2_048, 8_192] : [8_192, 2_048],
    ]),
  ).flat(),
];
const CONFIG = {
  model_type: 'llama',
  hidden_size: 2_048,
  num_hidden_layers: LAYERS,
  num_attention_heads: 16,
  intermediate_size: 8_192,
  vocab_size: 32_000,
  tie_word_embeddings: true,
};

/** Leave requireFit out of createJob or startAgain, and some of these fail. */
describe('a training that cannot fit', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let api: ApiOnly;
  let datasetId: number;

  before(async () => {
    database = await startTestDatabase();
    const modelCache = join(database.home, 'models');
    api = await startTestApi(database, { modelCache });
    await putLargeModel(modelCache);
    datasetId = Number((await api.upload('rows.csv', 'input,output\na,b\nc,d\ne,f\n')).body.id);
  });

  after(async () => {
    await api?.close();
    await database?.remove();
  });

  const job = (options: object) => ({ name: 'job', dataset_id: datasetId, model_name: MODEL, ...options });
  const jobs = async () => Number((await api.call('GET', '/jobs/')).body.total);
  const memory = { bytes: 2e9, available_bytes: 1e9, cpu: 'Some CPU', cpu_has_bf16: true, gpus: [] };

  /** It is away after fifteen seconds. */
  beforeEach(() => Host.report({ name: 'small', agentPid: 1, devices: ['cpu'], memory, startedAt: new Date() }));

  it('is refused before anything is written, with what it needs, what is there, and what would fit', async () => {
    const before = await jobs();
    const refused = await api.call('POST', '/jobs/', job({ training_type: 'standard' }));
    assert.equal(refused.status, 400);
    assert.match(
      String(refused.body.detail),
      /would not fit into memory: it needs at least [\d.]+ GB on the host small, which has 2\.0 GB\. What would fit: \{"training_type": "qlora".*\} takes about [\d.]+ GB\. .*"force": true/,
    );
    assert.equal(await jobs(), before);
  });

  it('is trained with adapters, or with "force": true', async () => {
    assert.equal((await api.call('POST', '/jobs/', job({ training_type: 'qlora' }))).status, 201);
    assert.equal((await api.call('POST', '/jobs/', job({ training_type: 'standard', force: true }))).status, 201);
  });

  it('is refused where it is started again', async () => {
    const { body } = await api.call('POST', '/jobs/', job({ training_type: 'standard', force: true }));
    await api.call('POST', `/jobs/${body.id}/cancel`);
    for (const fresh of [true, false]) {
      const refused = await api.call('POST', `/jobs/${body.id}/start`, { fresh });
      assert.equal(refused.status, 400, JSON.stringify(refused.body));
      assert.match(String(refused.body.detail), /would not fit into memory/);
    }
    assert.equal((await api.call('POST', `/jobs/${body.id}/start`, { force: true })).status, 200);
  });

  it('is refused of a project where it is started', async () => {
    const traits = [{ trait_type: 'coding', datasets: [{ dataset_id: datasetId, percentage: 100 }] }];
    const project = {
      name: 'p',
      base_model: MODEL,
      training_type: 'standard',
      max_rows: 3,
      output_directory: 'p',
      traits,
    };
    const { body } = await api.call('POST', '/projects/', project);
    const refused = await api.call('POST', `/projects/${body.id}/start`);
    assert.equal(refused.status, 400);
    assert.match(String(refused.body.detail), /would not fit into memory/);
    assert.equal((await api.call('GET', `/projects/${body.id}`)).body.run_id, null);
    assert.equal((await api.call('POST', `/projects/${body.id}/start`, { force: true })).status, 200);
  });

  it('is refused of a client of OpenAI in the form of its errors', async () => {
    await api.call('PATCH', '/config/', { default_training_type: 'standard' });
    const form = new FormData();
    form.set('purpose', 'fine-tune');
    const row = {
      messages: [
        { role: 'user', content: 'a' },
        { role: 'assistant', content: 'b' },
      ],
    };
    form.set('file', new Blob([`${JSON.stringify(row)}\n`.repeat(10)]), 'rows.jsonl');
    const file = (await (await fetch(`${api.url}/v1/files`, { method: 'POST', body: form })).json()) as { id: string };
    const ask = async (more: object) => {
      const body = JSON.stringify({ model: MODEL, training_file: file.id, ...more });
      const headers = { 'Content-Type': 'application/json' };
      return await fetch(`${api.url}/v1/fine_tuning/jobs`, { method: 'POST', headers, body });
    };
    const refused = await ask({});
    assert.equal(refused.status, 400);
    const { error } = (await refused.json()) as { error: { code: string; message: string } };
    assert.equal(error.code, 'training_does_not_fit');
    assert.match(error.message, /would not fit into memory/);
    assert.equal((await ask({ force: true })).status, 200);
  });
});

/** Of its weights, the header alone is there: the rest is a hole, which takes nothing of the disk. */
async function putLargeModel(cache: string): Promise<void> {
  let end = 0;
  const header = SHAPES.map(([name, shape]) => {
    const start = end;
    end += 2 * shape.reduce((product, length) => product * length, 1);
    return [name, { dtype: 'BF16', shape, data_offsets: [start, end] }];
  });
  const snapshot = await putInCache(cache, MODEL, {
    'config.json': JSON.stringify(CONFIG),
    'tokenizer.json': '{}',
  });
  const weights = withHeader(JSON.stringify(Object.fromEntries(header)), 0);
  await writeFile(join(snapshot, 'model.safetensors'), weights);
  await truncate(join(snapshot, 'model.safetensors'), weights.length + end);
}
