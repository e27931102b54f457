import assert from 'node:assert/strict';
import { settledPool } from '../support/hosts.ts';
import { type Jobs, jobsOf } from '../support/jobs.ts';
import { startTestService, type TestService, TINY_MODEL } from '../support/service.ts';

type Body = Record<string, unknown>;
const NEW = ['<think>', '</think>'];

describe('a training with tokens that its base model lacks', function () {
  this.timeout(360_000);
  let service: TestService;
  let remove: () => Promise<void>;
  let jobs: Jobs;
  let id: number;

  before(async () => {
    ({ service, remove } = await startTestService());
    await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
    await settledPool(service, 1);
    const rows = Array.from({ length: 30 }, (_, i) => ({
      prompt: `question ${i}`,
      completion: '<think>so</think>yes',
    }));
    id = Number((await service.upload('rows.jsonl', rows.map((row) => `${JSON.stringify(row)}\n`).join(''))).body.id);
    jobs = jobsOf(service, id);
  });
  after(() => remove?.());

  it('says them, is planned with them, and answers with them', async () => {
    // Leave newTokens out of askOf (src/datasets/tokenizer.ts), and the plan counts the letters of the marks.
    const planned = async (asked: Body) => {
      const { status, body } = await service.call('POST', '/jobs/plan', {
        dataset_id: id,
        model_name: TINY_MODEL,
        ...asked,
      });
      return { status, body, tokens: (body.tokens as { per_epoch: number } | undefined)?.per_epoch ?? 0 };
    };
    const [plain, withNew, refused] = await Promise.all([
      planned({}),
      planned({ new_tokens: NEW }),
      planned({ new_tokens: ['the'] }),
    ]);
    assert.ok(withNew.tokens > 0 && withNew.tokens < plain.tokens - 24 * 2, JSON.stringify([plain.body, withNew.body]));
    assert.equal(refused.status, 400);
    assert.match(
      String(refused.body.detail),
      /new_tokens has 'the', which the vocabulary of the base model has already/,
    );

    const learnt = { training_type: 'lora', learning_rate: 0.02, epochs: 12, lora_r: 8, max_length: 64 };
    const parent = await jobs.ended(await jobs.create({ ...learnt, new_tokens: NEW }));
    assert.equal(parent.status, 'completed', String(parent.error_message));
    const { summary } = parent.validation as { summary: string };
    assert.match(summary, /Both read rows with the new tokens \(<think>, <\/think>\)/);
    // Serve the adapter upon the base (src/commands/openai/serve-model.ts): that knows none of them.
    const answered = await fetch(`${service.apiUrl}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        model: `job-${parent.id}`,
        messages: [{ role: 'user', content: 'question 3' }],
        max_tokens: 8,
        temperature: 0,
      }),
    });
    const said = (await answered.json()) as { choices: { message: { content: string } }[] };
    assert.match(JSON.stringify(said), /<think>/);
  });
});
