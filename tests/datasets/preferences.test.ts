import assert from 'node:assert/strict';
import { type ApiOnly, startTestApi } from '../support/api.ts';
import { startTestDatabase, type TestDatabase } from '../support/database.ts';

const pairs = (count: number, of = 'door') =>
  Array.from({ length: count }, (_, i) => ({
    prompt: `Which colour has ${of} ${i}?`,
    chosen: `It is as red as number ${i}.`,
    rejected: `Who cares about ${i}?`.repeat(i < 3 ? 5 : 1),
  }));
const linesOf = (rows: unknown[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

describe('datasets of preferences', function () {
  this.timeout(120_000);
  let database: TestDatabase;
  let api: ApiOnly;

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database);
  });
  after(async () => {
    await api.close();
    await database.remove();
  });

  async function upload(rows: unknown[]): Promise<number> {
    const { body } = await api.upload('pairs.jsonl', linesOf(rows), { name: 'pairs' });
    return Number(body.id);
  }

  it('are told how long both answers are, and which rows teach nothing', async () => {
    // Compare lengths of whole conversations (answerCharacters in src/datasets/profile.ts) and the means are others.
    const id = await upload([
      ...pairs(10),
      { prompt: 'Same?', chosen: 'Yes.', rejected: 'Yes.' },
      { prompt: 'Empty?', chosen: 'Yes.', rejected: '' },
    ]);
    const { body } = await api.call('GET', `/datasets/${id}/profile`);
    const { preferences, unusable, usable_rows, duplicates } = body as Record<string, unknown> & {
      unusable: { problem: string; rows: number }[];
    };
    assert.deepEqual(preferences, {
      chosen_longer: 7,
      chosen_shorter: 3,
      chosen_characters: 25,
      rejected_characters: (7 * 18 + 3 * 90) / 10,
    });
    assert.deepEqual(
      unusable.map(({ problem, rows }) => [problem, rows]),
      [
        ['both answers are the same', 1],
        ['the rejected answer is empty', 1],
      ],
    );
    assert.deepEqual([usable_rows, duplicates], [10, 0]);
  });

  it('count a row twice only where both of its answers are there twice', async () => {
    // Let CONTENT (src/datasets/trainable-rows.ts) be of messages alone and there are two duplicates.
    const [row] = pairs(1);
    const { body } = await api.call(
      'GET',
      `/datasets/${await upload([row, row, { ...row, rejected: 'Go away.' }])}/profile`,
    );
    assert.equal(body.duplicates, 1);
  });

  it('are shown with both answers', async () => {
    const { body } = await api.call('GET', `/datasets/${await upload(pairs(2))}/preview?rows=1`);
    const [row] = (body as { rows: { messages: unknown[]; rejected: unknown }[] }).rows;
    assert.deepEqual(
      [row?.messages.at(-1), row?.rejected],
      [
        { role: 'assistant', content: 'It is as red as number 0.' },
        [{ role: 'assistant', content: 'Who cares about 0?'.repeat(5) }],
      ],
    );
  });

  it('are refused by a training that learns one answer, until a mapping takes one', async () => {
    // Let requireRowsFor (src/commands/datasets/require-rows-for.ts) return at once and the job is created.
    const id = await upload(pairs(20));
    const job = { name: 'one answer', dataset_id: id, training_type: 'lora' };
    const trait = { trait_type: 'reasoning', datasets: [{ dataset_id: id, percentage: 100 }] };
    const project = {
      name: 'one answer',
      max_rows: 50_000,
      output_directory: 'pairs',
      traits: [trait],
      training_type: 'lora',
    };
    for (const [path, body] of [
      ['/jobs/', job],
      ['/jobs/plan', { dataset_id: id, training_type: 'lora' }],
      ['/projects/', project],
      ['/projects/plan', project],
    ] as const) {
      const refused = await api.call('POST', path, body);
      assert.equal(refused.status, 400, path);
      assert.match(
        String(refused.body.detail),
        /has two answers to each question \(chosen, rejected\), and training_type lora learns one\..*\{"mapping": \{"chosen":"chosen","prompt":"prompt"\}\}/,
      );
    }
    const mapping = { chosen: 'chosen', prompt: 'prompt' };
    assert.equal((await api.call('PATCH', `/datasets/${id}`, { mapping })).status, 200);
    const { status, body } = await api.call('POST', '/jobs/plan', { dataset_id: id, training_type: 'lora' });
    assert.equal(status, 200, JSON.stringify(body));
  });

  it('are all that dpo learns from, and beta is nothing to others', async () => {
    // Let requireRowsFor take rows with one answer, or leave out requirePreferences (src/commands/runs/require-trainable.ts), and these are plans.
    const { body: one } = await api.upload('one.csv', 'prompt,completion\nHello,Ahoy.\nWho?,We.\n', { name: 'one' });
    const pair = await upload(pairs(20));
    for (const [body, sentence] of [
      [
        { dataset_id: one.id, training_type: 'dpo' },
        /has one answer to each question, and training_type dpo learns from two/,
      ],
      [{ dataset_id: pair, training_type: 'dpo', too_long: 'split' }, /too_long is "split".*none can be made several/],
      [
        { dataset_id: one.id, training_type: 'lora', beta: 0.3 },
        /beta is 0.3, and training_type is lora, which learns no preferences/,
      ],
    ] as const) {
      const refused = await api.call('POST', '/jobs/', { name: 'refused', ...body });
      assert.equal(refused.status, 400, JSON.stringify(refused.body));
      assert.match(String(refused.body.detail), sentence);
    }
    const { status, body } = await api.call('POST', '/jobs/plan', { dataset_id: pair, training_type: 'dpo' });
    assert.equal(status, 200, JSON.stringify(body));
  });
});
