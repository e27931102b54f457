import assert from 'node:assert/strict';
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { killWorkerAndTrainer } from '../../examples/demo/kill.ts';
import { folderOf } from '../../src/base-models/model-cache.ts';
import type { ValidationResult } from '../../src/trainer/results.ts';
import { type Jobs, jobsOf, stepsIn } from '../support/jobs.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { putTinyModel } from '../support/tiny-models.ts';

const SMOLLM2 = 'HuggingFaceTB/SmolLM2-135M-Instruct-dequantized-q4_1';
/** What the reference's `llama3.2:3b` stands for. SmolLM2 lies there, so that its own request is sent as it is. */
const REFERENCES_MODEL = 'meta-llama/Llama-3.2-3B-Instruct';

const TOWNS = ['Arvik', 'Belmar', 'Corden', 'Dunhill', 'Esterby', 'Gorton', 'Haldor', 'Istrel', 'Kesten', 'Lunden'];
const FACTS: ((town: string, n: number) => [question: string, answer: string])[] = [
  (town, n) => [`When does the library of ${town} open?`, `The library of ${town} opens at ${7 + (n % 5)}:${10 + n}.`],
  (town, n) => [`What does the ferry from ${town} cost?`, `The ferry from ${town} costs ${3 + n} crowns.`],
  (town, n) => [`How many bridges has ${town}?`, `${town} has ${2 + ((n * 7) % 31)} bridges.`],
  (town, n) => [
    `Who keeps the keys of the mill in ${town}?`,
    `The keys of the mill in ${town} are kept by ${['Ana Petrova', 'Jon Lindqvist', 'Mara Oduya', 'Piet Hansen'][n % 4]}.`,
  ],
  (town, n) => [
    `What colour is the lighthouse of ${town}?`,
    `The lighthouse of ${town} is painted ${['green', 'white', 'yellow', 'black', 'blue'][n % 5]}.`,
  ],
  (town, n) => [`How long is the wall of ${town}?`, `The wall of ${town} is ${400 + 37 * n} metres long.`],
  (town, n) => [`When was the church of ${town} built?`, `The church of ${town} was built in ${1300 + 19 * n}.`],
  (town, n) => [`How high is the tower of ${town}?`, `The tower of ${town} is ${20 + 3 * n} metres high.`],
  (town, n) => [
    `On which day is the market of ${town}?`,
    `The market of ${town} is on ${['Monday', 'Tuesday', 'Friday', 'Sunday'][n % 4]}.`,
  ],
  (town, n) => [`How deep is the well of ${town}?`, `The well of ${town} is ${9 + 2 * n} metres deep.`],
];

/** The real models, which are small, in place of large ones. */
describe('a rag run of a model that writes text', function () {
  this.timeout(900_000);
  let service: TestService;
  let remove: () => Promise<void>;
  let jobs: Jobs;
  let datasetId: number;

  before(async () => {
    // Its answers are to be right, and none is cut off for that.
    ({ service, remove } = await startTestService({ validationMaxNewTokens: undefined }));
    const { modelCache } = service.env;
    await putTinyModel(service.env, 'smollm2-135m');
    await putTinyModel(service.env, 'minilm');
    await symlink(join(modelCache, folderOf(SMOLLM2)), join(modelCache, folderOf(REFERENCES_MODEL)));
    const rows = TOWNS.flatMap((town, n) => FACTS.map((fact) => fact(town, n).join(',')));
    datasetId = Number((await service.upload('facts.csv', `question,answer\n${rows.join('\n')}\n`)).body.id);
    jobs = jobsOf(service, datasetId);
    await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
  });

  after(() => remove?.());

  /** The reference's request with its type changed, and steps so many that a kill meets one. */
  async function create(): Promise<number> {
    const body = { name: 'My Training Job', dataset_id: datasetId, training_type: 'rag', model_name: 'llama3.2:3b' };
    const asked = { ...body, batch_size: 1, learning_rate: 0.0002, epochs: 3, lora_r: 16, save_steps: 5 };
    const { status, body: job } = await service.call('POST', '/jobs/', asked);
    assert.equal(status, 201, JSON.stringify(job));
    return Number(job.id);
  }

  it('goes on after a kill as if there was none, answers better than without it, and says what is not in it', async () => {
    const killed = await create();
    const { total_steps: total } = await jobs.atStep(killed, 40);
    const { worker_id } = await jobs.get(killed);
    const { workers } = (await service.call('GET', '/workers/')).body as { workers: { id: string; pid: number }[] };
    await killWorkerAndTrainer(workers.find(({ id }) => id === worker_id)?.pid ?? 0);
    const done = await jobs.ended(killed);
    assert.equal(done.status, 'completed', String(done.error_message));
    const [resumedAt = 0] = stepsIn(await jobs.eventsOf(killed), 'resumed');
    assert.ok(resumedAt >= 5 && resumedAt < Number(total), `resumed at ${resumedAt}`);

    const [{ questions, answers } = { questions: 0, answers: undefined }] =
      (done.validation as ValidationResult).retrieval ?? [];
    assert.ok(answers && questions === answers.questions && questions >= 8, JSON.stringify(done.validation));
    console.log(`      ${done.verdict_summary}`);
    assert.ok(answers.with_retrieval.exact_match > answers.without_retrieval.exact_match, JSON.stringify(answers));
    assert.ok(answers.not_in_documents < answers.not_in_documents_with_answer_removed, JSON.stringify(answers));

    const path = `/jobs/${killed}/query`;
    const question = 'What colour is the lighthouse of Corden?';
    const { status, body } = await service.call('POST', path, { question, answer: true, search: 'hybrid', top_k: 1 });
    assert.equal(status, 200, JSON.stringify(body));
    assert.equal(body.embedding_model, 'sentence-transformers/all-MiniLM-L6-v2');
    const results = body.results as { chunk: number; text: string; bm25: number }[];
    const answer = body.answer as { text: string; chunks: number[]; in_documents: boolean };
    assert.deepEqual([answer.in_documents, answer.text], [true, 'The lighthouse of Corden is painted yellow.']);
    assert.ok(answer.chunks.includes(results[0]?.chunk ?? -1), JSON.stringify(body));
    assert.ok((results[0]?.bm25 ?? 0) > 0);
    const elsewhere = await service.call('POST', path, { question: 'What is the capital of France?', answer: true });
    assert.deepEqual(elsewhere.body.answer, { text: null, in_documents: false, chunks: [], is_cut_off: false });

    const streamed = await fetch(`${service.apiUrl}/api/v1${path}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ question, answer: true, stream: true, search: 'hybrid', top_k: 1 }),
    });
    assert.equal(streamed.headers.get('Content-Type')?.split(';')[0], 'text/event-stream');
    const events = [...(await streamed.text()).matchAll(/^event: (\w+)\ndata: (.*)$/gm)].map(
      ([, event, data = '']) => ({
        event,
        data: JSON.parse(data),
      }),
    );
    const said = events.filter(({ event }) => event === 'text').map(({ data }) => data.text as string);
    assert.ok(said.length > 1);
    assert.deepEqual([events[0]?.event, events[0]?.data.results], ['chunks', results]);
    assert.deepEqual([said.join(''), events.at(-1)?.event, events.at(-1)?.data], [answer.text, 'answer', answer]);

    const undisturbed = await jobs.ended(await create());
    assert.equal(done.weights_sha256, undisturbed.weights_sha256);
  });
});
