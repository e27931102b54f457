import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { startTestService, type TestService, TINY_EMBEDDER, TINY_MODEL, until } from '../support/service.ts';
import { putTinyModel } from '../support/tiny-models.ts';

const THINGS = ['apple', 'bridge', 'candle', 'desert', 'engine', 'forest', 'garden', 'harbor', 'island', 'jacket'];

/** A question and an answer that share words which no other row has together. */
function row(number: number): [question: string, answer: string] {
  const [a, b] = [THINGS[number % 10], THINGS[(number * 3 + Math.floor(number / 10)) % 10]];
  return [`What of ${a} ${b} ${number}?`, `The ${a} and the ${b} have number ${number}.`];
}

describe('a run of the type rag', function () {
  this.timeout(360_000);
  let service: TestService;
  let remove: () => Promise<void>;
  let datasetId: number;

  before(async () => {
    ({ service, remove } = await startTestService());
    await putTinyModel(service.env, 'tiny-embedder');
    const csv = Array.from({ length: 200 }, (_, number) => row(number).join(',')).join('\n');
    datasetId = Number((await service.upload('rows.csv', `question,answer\n${csv}\n`)).body.id);
    await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
  });

  after(() => remove?.());

  async function ended(path: string) {
    return await until(`${path} to end`, async () => {
      const { body } = await service.call('GET', path);
      return ['completed', 'failed'].includes(String(body.status)) ? body : null;
    });
  }

  it('makes a project into a bundle that finds what was held out, and answers', async () => {
    const traits = [{ trait_type: 'coding', datasets: [{ dataset_id: datasetId, percentage: 100 }] }];
    const asked = { base_model: TINY_EMBEDDER, training_type: 'rag', traits, chunk_tokens: 100, batch_size: 8 };
    const planned = await service.call('POST', '/projects/plan', asked);
    assert.deepEqual([planned.status, planned.body.tokens], [200, null]);
    const { train_rows: train, held_out_rows: heldOut } = planned.body as Record<string, number>;
    assert.ok(train && heldOut && heldOut > 5);
    const created = await service.call('POST', '/projects/', { ...asked, name: 'p', output_directory: 'rag' });
    const path = `/projects/${created.body.id}`;
    assert.equal((await service.call('POST', `${path}/start`)).status, 200);
    const project = await ended(path);
    assert.equal(project.status, 'completed', String(project.error_message));
    assert.deepEqual([project.total_steps, project.current_loss], [Math.ceil((train + heldOut) / 8), null]);
    const { retrieval } = project.validation as {
      retrieval: { questions: number; hybrid: { recall_at_10: number } }[];
    };
    assert.equal(retrieval[0]?.questions, heldOut);
    // By the words that it has in common with its answer: a random model goes by length, which their own question is missing from.
    assert.ok((retrieval[0]?.hybrid.recall_at_10 ?? 0) > 0.5, JSON.stringify(retrieval));
    const { items } = (await service.call('GET', `${path}/runs`)).body as {
      items: { plan: { steps: { total: number }; tokens: { examples: number } } }[];
    };
    assert.deepEqual(
      [items[0]?.plan.steps.total, items[0]?.plan.tokens.examples],
      [project.total_steps, train + heldOut],
    );
    assert.equal((await service.call('POST', `${path}/validate`)).body.valid, true);

    const { status, body } = await service.call('POST', `${path}/query`, { question: row(117)[0], top_k: 3 });
    assert.equal(status, 200, JSON.stringify(body));
    const results = body.results as { text: string; question: string; score: number; dataset_id: number }[];
    assert.equal(results.length, 3);
    assert.deepEqual([results[0]?.question, results[0]?.text], row(117));
    assert.equal(results[0]?.dataset_id, datasetId);
    assert.deepEqual(
      results.map(({ score }) => score),
      results.map(({ score }) => score).toSorted((a, b) => b - a),
    );
    for (const [question, sentence] of [
      [' \n ', /question is .*must not be blank/],
      ['half \ud83d', /question is .*must not have half of a surrogate pair/],
    ] as const) {
      const refused = await service.call('POST', `${path}/query`, { question });
      assert.equal(refused.status, 422);
      assert.match(String(refused.body.detail), sentence);
    }
    const silent = await service.call('POST', `${path}/query`, { question: 'what?', answer: true });
    assert.match(String(silent.body.detail), /makes embeddings and writes no text, so nothing can answer/);
    const answers = await Promise.all(
      [3, 44, 199].map((number) => service.call('POST', `${path}/query`, { question: row(number)[1], top_k: 1 })),
    );
    assert.deepEqual(
      answers.map(({ body: found }) => (found.results as { text: string }[])[0]?.text),
      [3, 44, 199].map((number) => row(number)[1]),
    );
    await rm(String(project.output_path), { recursive: true });
    assert.equal((await service.call('POST', `${path}/query`, { question: 'gone?' })).status, 404);
  });

  it('needs an embedding model where the base model writes text, and says how to get one', async () => {
    const body = { name: 'j', dataset_id: datasetId, training_type: 'rag', model_name: TINY_MODEL };
    const { body: job } = await service.call('POST', '/jobs/', body);
    const failed = await ended(`/jobs/${job.id}`);
    assert.equal(failed.status, 'failed');
    assert.match(
      String(failed.error_message),
      /writes text, so it answers from an index .* none is installed\. Get a small one with `npm run mtm -- model install minilm`, or name one as embedding_model/,
    );
    const traits = [{ trait_type: 'coding', datasets: [{ dataset_id: datasetId, percentage: 100 }] }];
    const asked = { name: 'p', training_type: 'rag', base_model: TINY_MODEL, traits, output_directory: 'none' };
    const { body: project } = await service.call('POST', '/projects/', asked);
    const refused = await service.call('POST', `/projects/${project.id}/start`);
    assert.deepEqual([refused.status, refused.body.detail], [400, failed.error_message]);
    const query = await service.call('POST', `/jobs/${job.id}/query`, { question: 'none?' });
    assert.equal(query.status, 400);
    assert.match(String(query.body.detail), /is failed/);
  });

  it('answers, when asked, from the index that the named embedding model makes', async () => {
    const models = { model_name: TINY_MODEL, embedding_model: TINY_EMBEDDER };
    const body = { name: 'j', dataset_id: datasetId, training_type: 'rag', ...models, chunk_tokens: 100 };
    const { body: job } = await service.call('POST', '/jobs/', body);
    assert.equal(job.embedding_model, TINY_EMBEDDER);
    const done = await ended(`/jobs/${job.id}`);
    assert.equal(done.status, 'completed', String(done.error_message));
    const path = `/jobs/${job.id}/query`;
    const asked = { question: row(117)[1], top_k: 2, max_answer_tokens: 8 };
    const plain = await service.call('POST', path, asked);
    assert.deepEqual([plain.body.embedding_model, plain.body.answer], [TINY_EMBEDDER, null]);
    // A random model says nothing that rests on a chunk.
    const answered = await service.call('POST', path, { ...asked, answer: true });
    assert.deepEqual(answered.body.results, plain.body.results);
    assert.equal((answered.body.answer as { in_documents: boolean }).in_documents, false);
    const hybrid = await service.call('POST', path, { ...asked, search: 'hybrid' });
    assert.equal((hybrid.body.results as { text: string }[])[0]?.text, row(117)[1]);
    // The question alone says of which row it is.
    const byQuestion = await service.call('POST', path, { question: row(117)[0], top_k: 1, search: 'hybrid' });
    assert.equal((byQuestion.body.results as { text: string }[])[0]?.text, row(117)[1]);
    const alone = await service.call('POST', path, { ...asked, stream: true });
    assert.match(String(alone.body.detail), /stream is true, and answer is not.* Send \{"answer": true\}/);
  });

  it('ends an answer that is streamed, at its next token, when its client leaves', async () => {
    const models = { model_name: TINY_MODEL, embedding_model: TINY_EMBEDDER };
    const body = { name: 'j', dataset_id: datasetId, training_type: 'rag', ...models, chunk_tokens: 100 };
    const { body: job } = await service.call('POST', '/jobs/', body);
    await ended(`/jobs/${job.id}`);
    const path = `/jobs/${job.id}/query`;
    const asked = { question: row(117)[1], top_k: 1 };
    const ask = async (signal?: AbortSignal) =>
      await fetch(`${service.apiUrl}/api/v1${path}`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ ...asked, answer: true, stream: true, max_answer_tokens: 2048 }),
        ...(signal && { signal }),
      });
    await service.call('POST', path, { ...asked, answer: true, max_answer_tokens: 1 });
    const startedAt = performance.now();
    const whole = await (await ask()).text();
    const wholeMs = performance.now() - startedAt;
    assert.match(whole, /^event: answer$/m);
    assert.ok(wholeMs > 1000, `A model that says all in ${wholeMs} ms is no test of leaving.`);

    const client = new AbortController();
    const { body: stream } = await ask(client.signal);
    const reader = (stream ?? assert.fail()).pipeThrough(new TextDecoderStream()).getReader();
    for (let heard = ''; !heard.includes('event: chunks'); ) {
      const { value, done } = await reader.read();
      assert.ok(!done, heard);
      heard += value;
    }
    client.abort();
    const leftAt = performance.now();
    // It is asked after the one that was left.
    assert.equal((await service.call('POST', path, asked)).status, 200);
    const waitedMs = performance.now() - leftAt;
    assert.ok(waitedMs < wholeMs / 3, `waited ${waitedMs} ms for an answer of ${wholeMs} ms`);
  });

  it('refuses an embedding model beside a base model that makes embeddings itself, and one that writes text', async () => {
    const cases: [model_name: string, embedding_model: string, sentence: RegExp][] = [
      [TINY_EMBEDDER, TINY_EMBEDDER, /makes embeddings itself and writes no text.* Leave embedding_model out/],
      [TINY_MODEL, TINY_MODEL, /writes text and makes no embeddings\. Name one that does/],
      [TINY_MODEL, 'org/elsewhere', /org\/elsewhere is not in the cache/],
    ];
    for (const [model_name, embedding_model, sentence] of cases) {
      const body = { name: 'j', dataset_id: datasetId, training_type: 'rag', model_name, embedding_model };
      const { body: job } = await service.call('POST', '/jobs/', body);
      assert.match(String((await ended(`/jobs/${job.id}`)).error_message), sentence);
    }
  });
});
