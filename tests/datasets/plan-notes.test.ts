import assert from 'node:assert/strict';
import { ensureTrainerPython } from '../../src/platform/python.ts';
import { type ApiOnly, startTestApi } from '../support/api.ts';
import { startTestDatabase, type TestDatabase } from '../support/database.ts';
import { putTinyModel } from '../support/tiny-models.ts';

const question = { role: 'user', content: 'Is Rome hot?' };
const called = { function: { name: 'weather', arguments: '{"city": "Rome"}' } };
const THOUGHT = { messages: [question, { role: 'assistant', content: 'Yes.', reasoning_content: 'It is July.' }] };
const CALL = { messages: [question, { role: 'assistant', content: '', tool_calls: [called] }] };
const ROWS = [...Array(20).fill(THOUGHT), ...Array(10).fill(CALL)];

describe('the plan of rows that a chat template cannot show', function () {
  this.timeout(120_000);
  let database: TestDatabase;
  let api: ApiOnly;
  let datasetId: number;

  before(async () => {
    database = await startTestDatabase();
    // The trainer counts tokens, and loads its libraries first: on a busy machine that takes longer than an answer may.
    api = await startTestApi(database);
    await ensureTrainerPython({ env: api.env, onProgress: () => {} });
    await putTinyModel(api.env, 'tiny-random');
    const file = ROWS.map((row, i) => JSON.stringify({ ...row, number: i })).join('\n');
    datasetId = Number((await api.upload('rows.jsonl', file)).body.id);
  });
  after(async () => {
    await api?.close();
    await database?.remove();
  });

  async function plan(hyperparameters: object) {
    const traits = [{ trait_type: 'general_tools', datasets: [{ dataset_id: datasetId, percentage: 100 }] }];
    const base_model = 'mtm/tiny-random-llama';
    const { status, body } = await api.call('POST', '/projects/plan', { traits, base_model, ...hyperparameters });
    assert.equal(status, 200, JSON.stringify(body));
    return body as { warnings: string[]; tokens: { refused_rows: number; skipped_rows: number; examples: number } };
  }

  it('says which are refused, and how the others are learnt', async () => {
    const { warnings, tokens } = await plan({});
    assert.ok(tokens.refused_rows > 0);
    assert.match(warnings.join('\n'), /rows that were looked at have thoughts .* \(reasoning: inline; or drop\)/);
    assert.match(warnings.join('\n'), /do not fit the chat template .* cannot show calls of tools: that of weather/);
  });

  it('counts no tokens of a dataset that is held out alone', async () => {
    const other = Array.from({ length: 12 }, (_, i) =>
      JSON.stringify({ messages: [question, { role: 'assistant', content: `${i}` }] }),
    );
    const validation = Number((await api.upload('others.jsonl', other.join('\n'))).body.id);
    const job = { dataset_id: datasetId, validation_dataset_id: validation, model_name: 'mtm/tiny-random-llama' };
    const { status, body } = await api.call('POST', '/jobs/plan', { ...job, tool_calls: 'json' });
    assert.equal(status, 200, JSON.stringify(body));
    const { by_dataset, counted_rows } = body.tokens as { by_dataset: { dataset_id: number }[]; counted_rows: number };
    assert.deepEqual([by_dataset.map(({ dataset_id }) => dataset_id), counted_rows], [[datasetId], ROWS.length]);
  });

  it('goes by what was chosen', async () => {
    const { warnings, tokens } = await plan({ reasoning: 'drop', tool_calls: 'json' });
    assert.equal(tokens.refused_rows, 0);
    assert.match(warnings.join('\n'), /they are left out \(reasoning: drop; or inline\)/);
    assert.match(warnings.join('\n'), /learnt as JSON between <tool_call> and <\/tool_call>/);
  });
});
