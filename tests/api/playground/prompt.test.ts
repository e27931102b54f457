import assert from 'node:assert/strict';
import { type ApiOnly, startTestApi } from '../../support/api.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { TINY_MODEL, until } from '../../support/service.ts';
import { putTinyModel } from '../../support/tiny-models.ts';

const messages = [
  { role: 'system', content: 'You add.' },
  { role: 'user', content: 'what is one plus two' },
];

describe('the exact prompt of a model', function () {
  this.timeout(180_000);
  let database: TestDatabase;
  let api: ApiOnly;

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database);
    await putTinyModel(api.env, 'tiny-random');
  });

  after(async () => {
    await api?.close();
    await database?.remove();
  });

  /** Also of a model that has to be loaded first. */
  const ask = (body: object) =>
    until('the prompt', async () => {
      const answer = await api.call('POST', '/playground/prompt', body);
      return answer.status === 202 ? null : answer;
    });

  it('is as the chat template writes it, with its special tokens, and is what a chat is counted by', async () => {
    // Leave the messages out of what is rendered, or add one, in src/api/playground/routes.ts.
    const { status, body } = await ask({ model: TINY_MODEL, messages });
    assert.equal(status, 200, JSON.stringify(body));
    const turns = messages.map(({ role, content }) => `<|im_start|>${role}\n${content}<|im_end|>\n`);
    assert.equal(body.prompt, `${turns.join('')}<|im_start|>assistant\n`);
    const chat = await fetch(`${api.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ model: TINY_MODEL, messages, max_tokens: 1 }),
    });
    const { usage } = (await chat.json()) as { usage: { prompt_tokens: number } };
    assert.equal(body.prompt_tokens, usage.prompt_tokens);
  });

  it('is refused in the words of the service', async () => {
    // Look an alias up as a property (meantBy in src/models/settings/training-config.ts), and `constructor` is one: 500.
    for (const [changes, status, detail] of [
      [{ model: 'none/such' }, 404, /"none\/such" does not exist/],
      [{ model: 'constructor' }, 404, /"constructor" does not exist/],
      [{ messages: [] }, 422, /messages/],
      [{ messages: [{ role: 'robot', content: 'x' }] }, 422, /messages\.0\.role/],
      [{ messages: [{ role: 'user', content: '7 '.repeat(40_000) }] }, 400, /at most \d+ tokens/],
    ] as const) {
      const answer = await ask({ model: TINY_MODEL, messages, ...changes });
      assert.equal(answer.status, status, String(answer.body.detail));
      assert.match(String(answer.body.detail), detail);
    }
  });
});
