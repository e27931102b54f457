import assert from 'node:assert/strict';
import OpenAI, { toFile } from 'openai';
import { startTestService, type TestService, TINY_MODEL, until } from '../support/service.ts';
import { chat, chats, lines, preference } from './examples.ts';

/** Of both files: what may not be held out. */
const SHARED = [chat(0), chat(1)];
const HELD_OUT = Array.from({ length: 12 }, (_, n) => chat(1_000 + n));
const TRAINED_ON = 40;

describe("the validation file of a fine-tuning job, by OpenAI's client", function () {
  this.timeout(300_000);
  let service: TestService;
  let remove: () => Promise<void>;
  let client: OpenAI;

  before(async () => {
    ({ service, remove } = await startTestService());
    client = new OpenAI({ baseURL: `${service.apiUrl}/v1`, apiKey: 'any' });
    await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
  });
  after(async () => {
    await remove?.();
  });

  const upload = async (content: string) =>
    (await client.files.create({ file: await toFile(Buffer.from(content), 'rows.jsonl'), purpose: 'fine-tune' })).id;

  async function ended(id: string): Promise<OpenAI.FineTuning.FineTuningJob> {
    return await until(`${id} to end`, async () => {
      const job = await client.fineTuning.jobs.retrieve(id);
      return job.finished_at === null ? null : job;
    });
  }

  async function eventsOf(id: string) {
    const events: OpenAI.FineTuning.FineTuningJobEvent[] = [];
    for await (const event of client.fineTuning.jobs.listEvents(id, { limit: 50 })) events.push(event);
    return events.reverse();
  }

  it('is what the losses, the checkpoints, the result file and the report are of; all of the training file is trained on', async () => {
    const training_file = await upload(chats(TRAINED_ON));
    const validation_file = await upload(lines([...SHARED, ...HELD_OUT]));
    const hyperparameters = { n_epochs: 2, batch_size: 4 } as const;
    const asked = { model: TINY_MODEL, training_file, validation_file, hyperparameters };
    const { id, ...created } = await client.fineTuning.jobs.create(asked);
    assert.deepEqual([created.training_file, created.validation_file], [training_file, validation_file]);
    const job = await ended(id);
    assert.deepEqual([job.status, job.error, job.validation_file], ['succeeded', null, validation_file]);

    const events = await eventsOf(id);
    const messages = events.map(({ message }) => message);
    assert.equal(messages[1], `Validating training file: ${training_file} and validation file: ${validation_file}`);
    assert.ok(
      messages.some((message) => /^2 of the 14 rows of dataset \d+ that were drawn are left out/.test(message)),
      messages.join('\n'),
    );
    const told = events.flatMap(({ type, data }) =>
      type === 'metrics' ? [data as { step: number; valid_loss?: number }] : [],
    );
    // Let data.held_out_is_chosen of the run file be (train-model.ts), and the last step alone has one: evaluations nobody asked for are to be cheap.
    const measured = told.filter(({ valid_loss }) => valid_loss !== undefined);
    assert.deepEqual(
      measured.map(({ step }) => step),
      Array.from({ length: 10 }, (_, i) => 2 * (i + 1)),
    );

    const [file = ''] = job.result_files;
    const csv = Buffer.from(await (await client.files.content(file)).text(), 'base64')
      .toString()
      .trim()
      .split('\n');
    assert.deepEqual(
      csv.slice(1).flatMap((line) => {
        const [step, , , valid] = line.split(',');
        return valid === '' ? [] : [[Number(step), Number(valid)]];
      }),
      measured.map(({ step, valid_loss }) => [step, valid_loss]),
    );
    const lossAt = new Map(measured.map(({ step, valid_loss }) => [step, valid_loss]));
    const checkpoints = (await client.fineTuning.jobs.checkpoints.list(id)).data;
    assert.equal(checkpoints[0]?.metrics.valid_loss, measured.at(-1)?.valid_loss);
    for (const { step_number, metrics } of checkpoints) assert.equal(metrics.valid_loss, lossAt.get(step_number));

    const { items } = (await service.call('GET', '/jobs/')).body as { items: Record<string, unknown>[] };
    const own = items.find(({ description }) => String(description).includes(id));
    assert.ok(own);
    const at = `/jobs/${own.id}`;
    const mixture = async (part: string) =>
      (await service.call('GET', `${at}/mixture?part=${part}&rows=100`)).body as {
        total: number;
        items: { dataset_id: number; messages: unknown }[];
      };
    const [train, held] = [await mixture('train'), await mixture('held_out')];
    assert.deepEqual([train.total, held.total], [TRAINED_ON, HELD_OUT.length]);
    const datasetsOf = (of: typeof held) => [...new Set(of.items.map(({ dataset_id }) => dataset_id))];
    assert.deepEqual([datasetsOf(train), datasetsOf(held)], [[own.dataset_id], [own.validation_dataset_id]]);
    const { body: report } = await service.call('GET', `${at}/report`);
    const { data, samples, traits } = report as unknown as {
      data: { datasets: { train: number; held_out: number }[] };
      samples: { messages: { content: string }[] }[];
      traits: { rows: number }[];
    };
    assert.deepEqual(
      data.datasets.map(({ train, held_out }) => [train, held_out]),
      [
        [TRAINED_ON, 0],
        [0, HELD_OUT.length],
      ],
    );
    assert.deepEqual(
      traits.map(({ rows }) => rows),
      [HELD_OUT.length],
    );
    const questions = new Set(HELD_OUT.map(({ messages: [question] }) => question?.content));
    assert.ok(samples.length > 0);
    for (const { messages } of samples) assert.ok(questions.has(messages[0]?.content), JSON.stringify(messages));
  });

  it('fails its job where it cannot be used, as a training file does', async () => {
    const training_file = await upload(chats(12));
    const cases: [content: string, code: string, message: RegExp][] = [
      [`${chats(12)}{"messages": []}\n`, 'invalid_validation_file', /^Line 13: "messages" is not a list/],
      [lines([{ ...chat(1), weight: 1 }]), 'invalid_file_format', /^Line 1 contains an extra "weight"/],
      [
        lines([preference(1), preference(2)]),
        'invalid_validation_file',
        /has preferences, and the method is supervised/,
      ],
      [
        chats(12),
        'invalid_validation_file',
        /has the same content as the training file, so that no example of it is left/,
      ],
    ];
    const ids = [];
    for (const [content, code, message] of cases) {
      const validation_file = await upload(content);
      const job = await client.fineTuning.jobs.create({ model: TINY_MODEL, training_file, validation_file });
      assert.deepEqual([job.status, job.error?.code, job.error?.param], ['failed', code, 'validation_file']);
      assert.match(String(job.error?.message), message);
      assert.equal(job.validation_file, validation_file);
      ids.push(job.id);
    }
    // By the same file as well; and where both are wrong, the training file is what is told of.
    const same = await client.fineTuning.jobs.create({
      model: TINY_MODEL,
      training_file,
      validation_file: training_file,
    });
    assert.deepEqual([same.status, same.error?.code], ['failed', 'invalid_validation_file']);
    const few = await upload(chats(3));
    const both = await client.fineTuning.jobs.create({ model: TINY_MODEL, training_file: few, validation_file: few });
    assert.deepEqual([both.error?.code, both.error?.param], ['invalid_n_examples', 'training_file']);
    const none = await client.fineTuning.jobs.create({ model: TINY_MODEL, training_file, validation_file: null });
    assert.equal(none.validation_file, null);
    await client.fineTuning.jobs.cancel(none.id);
  });

  it('fails its job where all of it is trained on, with the sentence in its error and its last event', async () => {
    const training_file = await upload(chats(12));
    // Other bytes, the same examples.
    const validation_file = await upload(lines(Array.from({ length: 12 }, (_, n) => chat(11 - n))));
    const { id } = await client.fineTuning.jobs.create({ model: TINY_MODEL, training_file, validation_file });
    const job = await ended(id);
    assert.equal(job.status, 'failed');
    const sentence = String(job.error?.message);
    assert.match(sentence, /^Dataset \d+ has no row to validate with: all 12 that were drawn are also/);
    // Leave error_message out of readJobEntries (job-events.ts), and the event says that the job failed, and not why.
    assert.equal((await eventsOf(id)).at(-1)?.message, `The job failed: ${sentence}`);
  });

  it('stays as long as its job, also when the file is deleted', async () => {
    const training_file = await upload(chats(12));
    const validation_file = await upload(lines(HELD_OUT));
    const { id } = await client.fineTuning.jobs.create({ model: TINY_MODEL, training_file, validation_file });
    await client.files.delete(validation_file);
    await assert.rejects(client.files.retrieve(validation_file), OpenAI.NotFoundError);
    const job = await ended(id);
    assert.deepEqual([job.status, job.validation_file], ['succeeded', validation_file]);
  });

  it('cannot be used for an index, which holds what it is asked about', async () => {
    const [training_file, validation_file] = [await upload(chats(12)), await upload(lines(HELD_OUT))];
    await service.call('PATCH', '/config/', { default_training_type: 'rag' });
    await assert.rejects(
      client.fineTuning.jobs.create({ model: TINY_MODEL, training_file, validation_file }),
      (error: unknown) => error instanceof OpenAI.BadRequestError && error.param === 'validation_file',
    );
    await service.call('PATCH', '/config/', { default_training_type: 'qlora' });
  });
});
