import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import OpenAI, { toFile } from 'openai';
import { PROJECT_ROOT } from '../../src/platform/env.ts';
import { processesOf } from '../support/processes.ts';
import { startTestService, type TestService, TINY_MODEL, until } from '../support/service.ts';
import { ensurePythonClient, PYTHON_CLIENTS, runPython } from './clients/python.ts';
import { chat, chats, lines, preference } from './examples.ts';
import { checkedFetch } from './their-schemas.ts';

/** As it stands in code that was written for OpenAI. */
const THEIR_NAME = 'gpt-4o-mini-2024-07-18';
const KEY = 'a-key-of-the-service';

/** Each by the official client, which knows the address and the key alone, against the whole service with a tiny model. */
describe("fine-tuning by OpenAI's clients", function () {
  this.timeout(300_000);
  let service: TestService;
  let remove: () => Promise<void>;
  let client: OpenAI;

  before(async () => {
    ({ service, remove } = await startTestService({ apiKeys: [KEY] }));
    client = new OpenAI({ baseURL: `${service.apiUrl}/v1`, apiKey: KEY, fetch: checkedFetch });
    await own('PATCH', '/config/', { model_aliases: { [THEIR_NAME]: TINY_MODEL } });
    await own('POST', '/workers/', { action: 'start', worker_count: 1 });
  });

  after(async () => {
    await remove?.();
  });

  async function own(method: string, path: string, body?: unknown): Promise<Record<string, unknown>> {
    const answer = await service.call(method, path, body, { Authorization: `Bearer ${KEY}` });
    assert.ok(answer.status < 300, JSON.stringify(answer.body));
    return answer.body;
  }

  const upload = async (content: string, purpose: OpenAI.FilePurpose = 'fine-tune') =>
    (await client.files.create({ file: await toFile(Buffer.from(content), 'rows.jsonl'), purpose })).id;

  async function whenIs(id: string, ...wanted: string[]): Promise<OpenAI.FineTuning.FineTuningJob> {
    return await until(`${id} to be ${wanted.join(' or ')}`, async () => {
      const job = await client.fineTuning.jobs.retrieve(id);
      return wanted.includes(job.status) ? job : null;
    });
  }

  async function eventsOf(id: string, limit: number): Promise<OpenAI.FineTuning.FineTuningJobEvent[]> {
    const events: OpenAI.FineTuning.FineTuningJobEvent[] = [];
    for await (const event of client.fineTuning.jobs.listEvents(id, { limit })) events.push(event);
    return events.reverse();
  }

  for (const major of PYTHON_CLIENTS) {
    it(`goes from a file to a model, by the client ${major} for Python`, async () => {
      const python = await ensurePythonClient(major);
      const program: [string, ...string[]] = major === '3' ? ['life.py'] : ['life.py', 'old'];
      const seen = await runPython(python, program, { url: service.apiUrl, key: KEY });
      const { fine_tuned_model, trained_tokens, messages, steps, csv, checkpoints, created, ...others } =
        seen as Record<string, unknown[]> & { fine_tuned_model: string; messages: string[]; checkpoints: unknown[] };
      assert.ok(['validating_files', 'queued'].includes(String(created)));
      assert.match(fine_tuned_model, /^ft:gpt-4o-mini-2024-07-18:local:from-python:\w{8}$/);
      assert.ok(Number(trained_tokens) > 0);
      assert.deepEqual(others, {
        model: THEIR_NAME,
        is_named_after_it: true,
        hyperparameters: [2, 4],
        seed: 7,
        error: null,
        times: true,
        unique: true,
        is_listed: true,
        is_there: true,
        jobs: 1,
      });
      const isCheckpoint = (message: string) => message.startsWith('Checkpoint created at step ');
      assert.ok(messages.filter(isCheckpoint).length >= checkpoints.length);
      assert.deepEqual(
        messages.filter((message) => !isCheckpoint(message)).map((message) => message.replace(/: .*/, '')),
        [
          'Created fine-tuning job',
          'Validating training file',
          'Files validated, moving job to queued state',
          'Fine-tuning job started',
          'New fine-tuned model created',
          'The job has successfully completed',
        ],
      );
      const last = Number(steps?.at(-1));
      assert.deepEqual(
        steps,
        Array.from({ length: last }, (_, index) => index + 1),
      );
      assert.deepEqual(csv, ['step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy', last]);
      assert.deepEqual(checkpoints[0], [last, true], 'the newest checkpoint is the model');
    });
  }

  it('goes as docs/openai.md shows it', async () => {
    const guide = await readFile(join(PROJECT_ROOT, 'docs', 'openai.md'), 'utf8');
    const [, program = ''] = /```python\n([\s\S]+?)```/.exec(guide) ?? [];
    await writeFile(join(service.env.home, 'rows.jsonl'), chats(12));
    const env = { OPENAI_BASE_URL: `${service.apiUrl}/v1`, OPENAI_API_KEY: KEY };
    const { stdout } = await execa(await ensurePythonClient('3'), ['-c', program], { cwd: service.env.home, env });
    assert.match(stdout, /^succeeded None ft:gpt-4o-mini-2024-07-18:local:support-tone:\w{8}$/);
  });

  it('is a job like any other, which can be paused, resumed and cancelled, while the API is killed', async () => {
    const training_file = await upload(chats(400));
    const hyperparameters = { n_epochs: 20, batch_size: 2 } as const;
    const job = await client.fineTuning.jobs.create({
      model: TINY_MODEL,
      training_file,
      method: { type: 'supervised', supervised: { hyperparameters } },
      metadata: { team: 'support', round: '2' },
    });
    assert.deepEqual(job.hyperparameters, { ...hyperparameters, learning_rate_multiplier: 'auto' });
    const listed = (await own('GET', '/jobs/?sort=-id&page_size=1')).items as Record<string, unknown>[];
    assert.match(String(listed[0]?.description), new RegExp(job.id));
    const running = await whenIs(job.id, 'running');
    assert.deepEqual(running.hyperparameters, { ...hyperparameters, learning_rate_multiplier: 1 });

    await client.fineTuning.jobs.pause(job.id);
    await whenIs(job.id, 'paused');
    const api = (await processesOf(service.env.home)).find(({ command }) => command.trim().endsWith(' api'));
    assert.ok(api);
    process.kill(api.pid, 'SIGKILL');
    // The client tries again by itself until the API is back.
    const patient = client.withOptions({ maxRetries: 10 });
    await patient.fineTuning.jobs.resume(job.id);
    await whenIs(job.id, 'running');
    const cancelled = await client.fineTuning.jobs.cancel(job.id);
    assert.deepEqual([cancelled.status, cancelled.error, cancelled.fine_tuned_model], ['cancelled', null, null]);
    assert.ok(cancelled.finished_at);
    await assert.rejects(client.fineTuning.jobs.cancel(job.id), OpenAI.BadRequestError);
    const events = await eventsOf(job.id, 7);
    assert.equal(events.at(-1)?.message, 'The job was cancelled');

    const found = async (metadata: Record<string, string>) =>
      (await client.fineTuning.jobs.list({ metadata })).data.map(({ id }) => id);
    assert.deepEqual(await found({ team: 'support' }), [job.id]);
    assert.deepEqual(await found({ team: 'support', round: '3' }), []);
  });

  it('learns calls of tools as a model without a place for them is shown them', async () => {
    const call = { id: 'c1', type: 'function', function: { name: 'weather', arguments: '{}' } };
    const messages = [
      { role: 'user', content: 'Rain?' },
      { role: 'assistant', tool_calls: [call] },
    ];
    const rows = Array.from({ length: 12 }, (_, n) => ({
      messages: [{ role: 'system', content: `${n}` }, ...messages],
    }));
    const job = await client.fineTuning.jobs.create({ model: TINY_MODEL, training_file: await upload(lines(rows)) });
    const ended = await whenIs(job.id, 'succeeded', 'failed');
    assert.equal(ended.status, 'succeeded', JSON.stringify(ended.error));

    // Leave `starts_from` out in src/commands/openai/models.ts and it begins from the base model.
    const more = { model: String(ended.fine_tuned_model), training_file: await upload(chats(12)), suffix: 'more' };
    const next = await whenIs((await client.fineTuning.jobs.create(more)).id, 'succeeded', 'failed');
    assert.equal(next.status, 'succeeded', JSON.stringify(next.error));
    assert.match(String(next.fine_tuned_model), new RegExp(`^ft:${TINY_MODEL}:local:more:\\w{8}$`));
    const { items } = await own('GET', '/jobs/?sort=-id&page_size=1');
    const [ours] = items as { starts_from: { job_id: number; run: number } }[];
    assert.equal(ours?.starts_from.run, 1);
  });

  it('learns which answer is preferred, with the method dpo', async () => {
    // Leave training_type out of what createFineTuningJob creates and the configuration's qlora refuses pairs of answers.
    const training_file = await upload(lines(Array.from({ length: 40 }, (_, n) => preference(n))));
    const hyperparameters = { n_epochs: 2, batch_size: 4, learning_rate_multiplier: 2, beta: 0.2 } as const;
    const asked = { model: TINY_MODEL, training_file, method: { type: 'dpo' as const, dpo: { hyperparameters } } };
    const job = await client.fineTuning.jobs.create(asked);
    assert.deepEqual(job.method, asked.method);
    const ended = await whenIs(job.id, 'succeeded', 'failed');
    assert.equal(ended.status, 'succeeded', JSON.stringify(ended.error));
    assert.deepEqual(ended.method, asked.method);
    const { beta, ...others } = hyperparameters;
    assert.deepEqual(ended.hyperparameters, others);
    const { id } = ((await own('GET', '/jobs/?sort=-id&page_size=1')).items as { id: number }[])[0] ?? {};
    const ours = await own('GET', `/jobs/${id}`);
    assert.deepEqual([ours.training_type, (ours.hyperparameters as { beta: number }).beta], ['dpo', beta]);
  });

  it('fails where its file cannot be used, and says which line', async () => {
    const good = preference(1);
    const dpo = { type: 'dpo' } as const;
    const cases: [content: string, code: string, message: RegExp, method?: typeof dpo][] = [
      [chats(9), 'invalid_n_examples', /has 9 examples, and needs at least 10/],
      [`${chats(12)}{"messages": []}\n`, 'invalid_training_file', /^Line 13: "messages" is not a list/],
      [lines([{ ...chat(1), weight: 1 }]), 'invalid_file_format', /^Line 1 contains an extra "weight"/],
      [
        lines([{ ...good, input: {} }]),
        'invalid_training_file',
        /^Line 1, "input": "messages" is not a list with at least one message/,
        dpo,
      ],
      [
        lines([{ ...good, input: { messages: good.input.messages, model: 'm' } }]),
        'invalid_file_format',
        /^Line 1: "input" contains an extra "model"/,
        dpo,
      ],
      [
        lines([{ ...good, preferred_output: [...good.preferred_output, ...good.preferred_output] }]),
        'invalid_training_file',
        /^Line 1: "preferred_output" is not a list with one message of the role assistant/,
        dpo,
      ],
      [
        lines([{ ...good, non_preferred_output: [{ role: 'assistant' }] }]),
        'invalid_training_file',
        /^Line 1, "non_preferred_output": "content" is neither/,
        dpo,
      ],
      [chats(12), 'invalid_training_file', /has one answer to each question, and the method is dpo/, dpo],
      [
        lines(Array.from({ length: 12 }, (_, n) => preference(n))),
        'invalid_training_file',
        /has preferences, and the method is supervised/,
      ],
    ];
    const ids = new Set<string>();
    for (const [content, code, message, method] of cases) {
      const training_file = await upload(content);
      const job = await client.fineTuning.jobs.create({ model: THEIR_NAME, training_file, ...(method && { method }) });
      assert.deepEqual([job.status, job.error?.code, job.error?.param], ['failed', code, 'training_file']);
      assert.match(String(job.error?.message), message);
      assert.ok(job.finished_at);
      const [created, validating, failed, ...rest] = await eventsOf(job.id, 1);
      assert.deepEqual(rest, []);
      assert.match(String(created?.message), /^Created/);
      assert.match(String(validating?.message), /^Validating/);
      assert.deepEqual([failed?.level, failed?.message], ['error', job.error?.message]);
      assert.deepEqual((await client.fineTuning.jobs.checkpoints.list(job.id)).data, []);
      for (const { id } of [created, validating, failed].map((event) => ({ id: String(event?.id) }))) {
        assert.ok(!ids.has(id), id);
        ids.add(id);
      }
      for (const action of ['cancel', 'pause', 'resume'] as const)
        await assert.rejects(client.fineTuning.jobs[action](job.id), OpenAI.BadRequestError);
    }
  });

  it('is refused, with what is wrong, before anything is created', async () => {
    const training_file = await upload(chats(12));
    const stored = await upload('kept', 'user_data');
    const before = (await client.fineTuning.jobs.list()).data.length;
    const good = { model: TINY_MODEL, training_file };
    const cases: [body: Record<string, unknown>, param: string, code: string | null, message: RegExp][] = [
      [{ model: 'gpt-9', training_file }, 'model', 'model_not_found', /gpt-9 is none of this machine's.*model_aliases/],
      [{ model: TINY_MODEL }, 'training_file', null, /training_file is required/],
      [{ ...good, training_file: 'file-none' }, 'training_file', 'file_not_found', /Upload the file first/],
      [{ ...good, training_file: stored }, 'training_file', 'invalid_file_purpose', /purpose user_data/],
      [{ ...good, method: { type: 'reinforcement' } }, 'method.type', null, /reinforcement/],
      [
        { ...good, method: { type: 'dpo', dpo: { hyperparameters: { beta: 3 } } } },
        'method.dpo.hyperparameters.beta',
        null,
        /beta/,
      ],
      [
        { ...good, method: { type: 'dpo', supervised: { hyperparameters: {} } } },
        'method.supervised',
        null,
        /method\.type is "dpo"/,
      ],
      [{ ...good, validation_file: 'file-none' }, 'validation_file', 'file_not_found', /Upload the file first/],
      [{ ...good, validation_file: stored }, 'validation_file', 'invalid_file_purpose', /purpose user_data/],
      [{ ...good, hyperparameters: { n_epochs: 51 } }, 'hyperparameters.n_epochs', null, /n_epochs/],
      [{ ...good, suffix: 'x'.repeat(65) }, 'suffix', null, /suffix/],
      [{ ...good, seed: -1 }, 'seed', null, /seed/],
      [{ ...good, metadata: { a: 1 } }, 'metadata.a', null, /metadata\.a/],
      [{ ...good, n_epochs: 3 }, 'n_epochs', null, /Unknown body field "n_epochs"/],
      [
        { ...good, hyperparameters: { learning_rate_multiplier: 1e9 } },
        'hyperparameters.learning_rate_multiplier',
        'invalid_value',
        /makes a learning rate of/,
      ],
      [
        {
          ...good,
          hyperparameters: { n_epochs: 2 },
          method: { type: 'supervised', supervised: { hyperparameters: { n_epochs: 3 } } },
        },
        'hyperparameters.n_epochs',
        null,
        /Send it once/,
      ],
    ];
    for (const [body, param, code, message] of cases) {
      await assert.rejects(
        client.fineTuning.jobs.create(body as unknown as OpenAI.FineTuning.JobCreateParams),
        (error: unknown) => {
          assert.ok(error instanceof OpenAI.BadRequestError, String(error));
          assert.deepEqual(
            [error.param, error.code, error.type],
            [param, code, 'invalid_request_error'],
            error.message,
          );
          assert.match(error.message, message);
          return true;
        },
      );
    }
    assert.equal((await client.fineTuning.jobs.list()).data.length, before);
    const notFound = await client.fineTuning.jobs.retrieve('ftjob-none').catch((error: unknown) => error);
    assert.ok(notFound instanceof OpenAI.NotFoundError);
    assert.match(String(notFound.requestID), /^req_/);
    await assert.rejects(client.fineTuning.jobs.retrieve('ftjob-none'), OpenAI.NotFoundError);
    await assert.rejects(client.models.retrieve('gpt-9'), OpenAI.NotFoundError);
  });

  it('is one job, however often a client sends a request again whose answer it did not get; and two where it is asked for twice', async () => {
    const training_file = await upload(chats(12));
    const send = async (retry: number) => {
      const response = await fetch(`${service.apiUrl}/v1/fine_tuning/jobs`, {
        method: 'POST',
        headers: {
          Authorization: `Bearer ${KEY}`,
          'Content-Type': 'application/json',
          'x-stainless-retry-count': String(retry),
        },
        body: JSON.stringify({ model: TINY_MODEL, training_file, hyperparameters: {} }),
      });
      return String(((await response.json()) as { id: string }).id);
    };
    const [first, ...again] = await Promise.all([send(0), send(1), send(2)]);
    const all = new Set([first, ...again]);
    // A retry that overtakes its first request creates the job; the first one, which counts from 0, another.
    assert.ok(all.size <= 2, [...all].join());
    const asked = await send(0);
    assert.ok(!all.has(asked));
    assert.equal(await send(1), asked);
    // Whoever has cancelled a job had its answer: the same again is another one.
    await client.fineTuning.jobs.cancel(asked);
    const another = await send(1);
    assert.ok(another !== asked && !all.has(another));
    await client.fineTuning.jobs.cancel(another);
    for (const id of [...all, asked]) await client.fineTuning.jobs.cancel(id).catch(() => {});
  });
});
