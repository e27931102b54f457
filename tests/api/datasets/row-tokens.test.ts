import assert from 'node:assert/strict';
import { ensureTrainerPython } from '../../../src/platform/python.ts';
import { type ApiOnly, startTestApi } from '../../support/api.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { DocumentedAnswers } from '../../support/openapi.ts';
import { putTinyModel } from '../../support/tiny-models.ts';

const BASE = 'mtm/tiny-random-llama';
const question = { role: 'user', content: 'Is Rome hot? 😀' };
const called = { function: { name: 'weather', arguments: '{"city": "Rome"}' } };
const ROWS = [
  [question, { role: 'assistant', content: 'Yes.', weight: 0 }, question, { role: 'assistant', content: 'Very hot.' }],
  [question, { role: 'assistant', content: 'Yes.', reasoning_content: 'It is July.' }],
  [question, { role: 'assistant', content: '', tool_calls: [called] }],
  [question],
];

interface Tokens {
  problem: string | null;
  notes: string[];
  dropped: boolean;
  examples: { tokens: number; learnt: number; cut_off: number }[];
  total: number;
  offset: number;
  tokens: { text: string; learnt: boolean; special: boolean; cut_off: boolean }[];
}

describe('the tokens of a row, and what a chat template can show', function () {
  this.timeout(120_000);
  let database: TestDatabase;
  let api: ApiOnly;
  let documented: DocumentedAnswers;
  let datasetId: number;

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database);
    documented = new DocumentedAnswers((await api.call('GET', '/openapi.json')).body as never);
    await ensureTrainerPython({ env: api.env, onProgress: () => {} });
    await putTinyModel(api.env, 'tiny-random');
    const file = ROWS.map((messages) => JSON.stringify({ messages })).join('\n');
    datasetId = Number((await api.upload('rows.jsonl', file)).body.id);
  });
  after(async () => {
    await api?.close();
    await database?.remove();
  });

  /** Asks again while the answer is that it takes longer. */
  async function get(path: string, expected = 200) {
    for (;;) {
      const { status, body } = await api.call('GET', path);
      documented.check('GET', path.split('?')[0] ?? path, status, body);
      if (status === 202) continue;
      assert.equal(status, expected, JSON.stringify(body));
      return body;
    }
  }

  const tokensOf = async (query: Record<string, string | number>, status = 200) => {
    const asked = new URLSearchParams({ base_model: BASE, ...query } as Record<string, string>);
    return (await get(`/datasets/${datasetId}/tokens?${asked}`, status)) as unknown as Tokens & {
      detail: string;
    };
  };
  const learntOf = ({ tokens }: Tokens) =>
    tokens
      .filter(({ learnt }) => learnt)
      .map(({ text }) => text)
      .join('');

  it('are those that training sees, each with what is learnt of it', async () => {
    const found = await tokensOf({ row: 0 });
    const text =
      '<|im_start|>user\nIs Rome hot? 😀<|im_end|>\n<|im_start|>assistant\nYes.<|im_end|>\n<|im_start|>user\nIs Rome hot? 😀<|im_end|>\n<|im_start|>assistant\nVery hot.<|im_end|>\n';
    assert.equal(found.tokens.map((token) => token.text).join(''), text);
    assert.equal(learntOf(found), 'Very hot.<|im_end|>\n');
    assert.equal(found.total, found.tokens.length);
    const [token] = found.tokens;
    assert.deepEqual([token?.text, token?.special, token?.learnt], ['<|im_start|>', true, false]);
  });

  it('say what is learnt otherwise, and go by what was chosen', async () => {
    const inline = await tokensOf({ row: 1 });
    assert.match(inline.notes.join(), /learnt in the text of the answer, between <think>/);
    assert.equal(learntOf(inline), '<think>\nIt is July.\n</think>\n\nYes.<|im_end|>\n');
    assert.equal(learntOf(await tokensOf({ row: 1, reasoning: 'drop' })), 'Yes.<|im_end|>\n');
    // Leave tokensIn out of row-tokens.ts (src/commands/datasets/), and it is several. A name that is none is the user's.
    const asked = { row: 1, reasoning: 'drop', new_tokens: 'Yes. <tool>' };
    const added = (await tokensOf(asked)).tokens.filter(({ learnt }) => learnt);
    assert.deepEqual(added[0], { ...added[0], text: 'Yes.', special: false });
    const twice = await tokensOf({ ...asked, new_tokens: '<tool> <tool>' }, 400);
    assert.match(twice.detail, /^new_tokens is "<tool> <tool>": has a token twice; name each once\.$/);
    // The first token is told from nothing.
    const all = await tokensOf({ row: 0, train_on: 'everything' });
    assert.equal(
      learntOf(all),
      all.tokens
        .map(({ text }) => text)
        .join('')
        .slice('<|im_start|>'.length),
    );
    const json = await tokensOf({ row: 2, tool_calls: 'json' });
    assert.match(learntOf(json), /^<tool_call>\n\{"name": "weather"/);
  });

  it('are shown up to where they are cut off, and in parts', async () => {
    const whole = await tokensOf({ row: 1 });
    const cut = await tokensOf({ row: 1, max_length: whole.total - 4 });
    assert.deepEqual(
      cut.tokens.map((token) => token.cut_off),
      whole.tokens.map((_, place) => place >= whole.total - 4),
    );
    const dropped = await tokensOf({ row: 1, max_length: whole.total - 4, too_long: 'drop' });
    assert.deepEqual([dropped.dropped, learntOf(dropped)], [true, '']);
    const part = await tokensOf({ row: 1, offset: 3, limit: 2 });
    assert.deepEqual([part.total, part.offset, part.tokens], [whole.total, 3, whole.tokens.slice(3, 5)]);
  });

  it('are not there of a row that is not trained on, which says why', async () => {
    assert.match((await tokensOf({ row: 2 })).problem ?? '', /cannot show calls of tools: that of weather/);
    assert.match(
      (await tokensOf({ row: 3 })).problem ?? '',
      /^The row gives no conversation: no message of the assistant says anything/,
    );
  });

  it('are refused for a row, a model or a mapping that is not there', async () => {
    assert.match((await tokensOf({ row: 4 }, 400)).detail, /row is 4, and dataset \d+ has 4 rows, from 0 to 3/);
    assert.match((await tokensOf({ base_model: 'org/none' }, 400)).detail, /org\/none/);
    const id = (await api.upload('odd.csv', 'x,y,z\n1,2,3\n')).body.id;
    const { detail } = await get(`/datasets/${id}/tokens?base_model=${BASE}`, 400);
    assert.match(String(detail), /has no mapping, so its rows have no tokens/);
  });

  it('the model says what its template can show, and what ends its answers', async () => {
    const path = `/models/${encodeURIComponent(BASE)}`;
    let { template } = await get(path);
    while (template === null) ({ template } = await get(path));
    assert.deepEqual(template, {
      problem: null,
      system: 'shown',
      tools: false,
      tool_calls: false,
      thoughts: 'in_text',
      empty_thought: false,
      all_answers_at_once: true,
      writes_today: false,
      ends: ['<|im_end|>'],
    });
  });
});
