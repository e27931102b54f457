import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { settledPool } from '../support/hosts.ts';
import { jobsOf } from '../support/jobs.ts';
import { startTestService, type TestService, TINY_MODEL } from '../support/service.ts';

interface Shown {
  examples: { tokens: number; learnt: number; cut_off: number }[];
}

describe('a training that goes on with plain text', function () {
  this.timeout(360_000);
  let service: TestService;
  let remove: () => Promise<void>;

  const uploaded = async (name: string, texts: string[]) => {
    const { body } = await service.upload(name, texts.map((text) => `${JSON.stringify({ text })}\n`).join(''));
    assert.deepEqual(body.mapping, { text: 'text' });
    return Number(body.id);
  };

  before(async () => {
    ({ service, remove } = await startTestService());
    await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
    await settledPool(service, 1);
  });
  after(() => remove?.());

  it('learns each token of it once, packed, also of texts that are too long, and the embeddings with it', async () => {
    // Lose the last part of a text in _parts_of_text (trainer/tokens/encoding.py), or begin a part one token early, and the tokens of the steps are others than those of the rows.
    const pages = Array.from({ length: 11 }, (_, page) => `page ${page} `.repeat(1 + 12 * (page % 4)).trim());
    const id = await uploaded('pages.jsonl', pages);
    const heldOut = await uploaded('others.jsonl', ['page 20 page 21', 'page 22', 'page 23 page 24']);
    const max_length = 32;
    const rows = await Promise.all(
      pages.map(async (_, row) => {
        const tokens = async (most: number) => {
          const asked = `base_model=${TINY_MODEL}&row=${row}&max_length=${most}&too_long=split`;
          const { body } = await service.call('GET', `/datasets/${id}/tokens?${asked}`);
          return (body as unknown as Shown).examples;
        };
        return { whole: await tokens(4_096), parts: await tokens(max_length) };
      }),
    );
    const sum = (examples: Shown['examples']) => examples.reduce((total, { tokens }) => total + tokens, 0);
    const expected = rows.reduce((total, { whole }) => total + sum(whole), 0);
    assert.equal(
      rows.reduce((total, { parts }) => total + sum(parts), 0),
      expected,
    );
    const examples = rows.flatMap(({ parts }) => parts);
    assert.ok(examples.length > 2 * pages.length, 'texts are split');
    // The first token of a sequence follows none that it could be learnt from.
    assert.ok(
      examples.every(({ tokens, learnt, cut_off }) => tokens <= max_length && learnt === tokens - 1 && cut_off === 0),
    );

    const jobs = jobsOf(service, id);
    const chosen = { packing: true, too_long: 'split', train_on: 'everything', max_length, epochs: 1, batch_size: 4 };
    const asked = { training_type: 'lora', modules_to_save: ['embed_tokens'], learning_rate: 0.01, ...chosen };
    const done = await jobs.ended(await jobs.create({ ...asked, validation_dataset_id: heldOut }));
    assert.equal(done.status, 'completed', String(done.error_message));
    const { body } = await service.call('GET', `/jobs/${done.id}/metrics`);
    const { points: all } = body as unknown as { points: { step: number; tokens: number }[] };
    const points = all.filter(({ step }) => step > 0);
    assert.equal(points.length, Math.ceil(examples.length / 4));
    assert.equal(points.at(-1)?.tokens, expected);
    const { traits } = done.validation as { traits: Record<'base' | 'tuned', { loss: number }>[] };
    assert.ok(
      traits.every(({ base, tuned }) => tuned.loss < base.loss),
      JSON.stringify(traits),
    );
    // Leave modules_to_save out of resolveHyperparameters (src/models/runs/run-spec.ts) and the adapter has none.
    const adapter = join(String(done.output_path), 'adapter', 'adapter_config.json');
    const config = JSON.parse(await readFile(adapter, 'utf8'));
    assert.deepEqual([config.modules_to_save, config.ensure_weight_tying], [['model.embed_tokens'], true]);
  });
});
