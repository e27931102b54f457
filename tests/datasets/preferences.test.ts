import assert from 'node:assert/strict';
import { ensureTrainerPython } from '../../src/platform/python.ts';
import { type ApiOnly, startTestApi } from '../support/api.ts';
import { startTestDatabase, type TestDatabase } from '../support/database.ts';
import { putTinyModel } from '../support/tiny-models.ts';

const pairs = (count: number, of = 'door') =>
  Array.from({ length: count }, (_, i) => ({
    prompt: `Which colour has ${of} ${i}?`,
    chosen: `It is as red as number ${i}.`,
    rejected: `Who cares about ${i}?`.repeat(i < 3 ? 5 : 1),
  }));
const MODEL = 'mtm/tiny-random-llama';
const linesOf = (rows: unknown[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

describe('datasets of preferences', function () {
  this.timeout(120_000);
  let database: TestDatabase;
  let api: ApiOnly;

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database);
    await ensureTrainerPython({ env: api.env, onProgress: () => {} });
    await putTinyModel(api.env, 'tiny-random');
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

  it('are as long as the longer answer is, and have the tokens of both, whichever was chosen', async () => {
    // Count the chosen side alone in charactersOfRow (src/datasets/trainable-rows.ts) or in lengths (trainer/token_lengths.py), or leave `rejected`
    // out of what draft.ts or dataset-tokens.ts reads, and rows whose chosen answers are short have fewer.
    const [short, long] = await Promise.all(
      (['rejected', 'chosen'] as const).map(async (longer) => {
        const other = longer === 'chosen' ? 'rejected' : 'chosen';
        const rows = Array.from({ length: 20 }, (_, i) => ({
          prompt: `Which colour has door ${i}?`,
          [longer]: 'Blue. '.repeat(i < 5 ? 20 : 2),
          [other]: 'Red.',
        }));
        const id = await upload(rows);
        const { body } = await api.call('GET', `/datasets/${id}/profile?base_model=${MODEL}&max_length=100`);
        const { characters, tokens } = body as { characters: { max: number }; tokens: { too_long_rows: number } };
        const planned = async (filters: object) => {
          const datasets = [{ dataset_id: id, percentage: 100, filters }];
          const asked = { training_type: 'dpo', base_model: MODEL, batch_size: 2, epochs: 1 };
          const traits = [{ trait_type: 'reasoning', datasets }];
          const { status, body: plan } = await api.call('POST', '/projects/plan', { ...asked, traits });
          assert.equal(status, 200, JSON.stringify(plan));
          return plan as {
            train_rows: number;
            steps: { total: number };
            tokens: { per_epoch: number; examples: number };
          };
        };
        return { characters, tokens, all: await planned({}), filtered: await planned({ max_characters: 60 }) };
      }),
    );
    assert.ok(short && long);
    assert.deepEqual([short.characters, short.tokens], [long.characters, long.tokens]);
    assert.ok(short.characters.max > 20 * 'Blue. '.length);
    assert.equal(short.tokens.too_long_rows, 5);
    const { train_rows, steps, tokens } = short.all;
    assert.deepEqual([train_rows, tokens.examples, steps.total], [18, 18, 9]);
    // The rows that are held out are others, and have a token more or less.
    assert.ok(Math.abs(tokens.per_epoch / long.all.tokens.per_epoch - 1) < 0.01);
    assert.deepEqual([short.filtered.train_rows, long.filtered.train_rows], [14, 14]);
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

  it('are learnt behind adapters by the same ones, or by all weights', async () => {
    // Let `inherited` (src/commands/projects/following.ts) go by training types alone, and the second is refused for use_dora.
    const { body: one } = await api.upload('one.csv', 'prompt,completion\nHello,Ahoy.\nWho?,We.\n', { name: 'one' });
    const traitsOf = (dataset_id: unknown) => [{ trait_type: 'coding', datasets: [{ dataset_id, percentage: 100 }] }];
    const pair = await upload(pairs(20));
    for (const [finetuning_type, use_dora] of [
      ['qlora', true],
      ['full', undefined],
    ] as const) {
      const followed_by = { training_type: 'dpo', finetuning_type, traits: traitsOf(pair) };
      const first = { training_type: 'lora', use_dora: true, traits: traitsOf(one.id), base_model: MODEL };
      const asked = {
        name: finetuning_type,
        max_rows: 50_000,
        output_directory: finetuning_type,
        ...first,
        followed_by,
      };
      const { status, body } = await api.call('POST', '/projects/', asked);
      assert.equal(status, 201, JSON.stringify(body));
      assert.equal((body.followed_by as { use_dora?: boolean }).use_dora, use_dora);
    }
  });
});
