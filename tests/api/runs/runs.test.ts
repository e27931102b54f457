import assert from 'node:assert/strict';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { list } from 'tar';
import { DocumentedAnswers } from '../../support/openapi.ts';
import { csvRows } from '../../support/rows.ts';
import { startTestService, type TestService, TINY_MODEL, until } from '../../support/service.ts';

interface ServerSentEvent {
  id?: string;
  event: string;
  data: Record<string, unknown>;
}

describe('the runs of a job', function () {
  this.timeout(360_000);
  let service: TestService;
  let remove: () => Promise<void>;
  let documented: DocumentedAnswers;
  let datasetId: number;

  before(async () => {
    ({ service, remove } = await startTestService());
    documented = new DocumentedAnswers((await service.call('GET', '/openapi.json')).body as never);
    datasetId = Number((await service.upload('rows.csv', csvRows(200))).body.id);
    await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
  });

  after(() => remove?.());

  async function call(method: string, path: string, body?: unknown) {
    const answer = await service.call(method, path, body);
    documented.check(method, path, answer.status, answer.body);
    return answer;
  }

  const job = (options = {}) => ({
    name: 'job',
    dataset_id: datasetId,
    model_name: TINY_MODEL,
    ...{ batch_size: 2, epochs: 2, save_steps: 10, lora_r: 4, max_length: 64 },
    ...options,
  });

  const ended = (id: unknown) =>
    until(`job ${id} to end`, async () => {
      const { body } = await call('GET', `/jobs/${id}`);
      return ['completed', 'failed', 'cancelled'].includes(String(body.status)) ? body : null;
    });

  /** Events from after `lastId` on: all until the stream's end, or until `enough`. */
  async function events(path: string, lastId?: string, enough?: (event: ServerSentEvent) => boolean) {
    const abort = new AbortController();
    const response = await fetch(`${service.apiUrl}/api/v1${path}`, {
      headers: lastId === undefined ? {} : { 'Last-Event-ID': lastId },
      signal: abort.signal,
    });
    assert.equal(response.status, 200);
    assert.match(response.headers.get('Content-Type') ?? '', /^text\/event-stream/);
    const found: ServerSentEvent[] = [];
    let text = '';
    try {
      for await (const chunk of Readable.fromWeb(response.body as ReadableStream).setEncoding('utf8')) {
        text += chunk;
        for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
          const fields = Object.fromEntries(
            text
              .slice(0, end)
              .split('\n')
              .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
          );
          text = text.slice(end + 2);
          if (!fields.event) continue;
          const event = { ...fields, event: fields.event, data: JSON.parse(fields.data ?? '{}') };
          found.push(event);
          if (enough?.(event)) return found;
        }
      }
    } finally {
      abort.abort();
    }
    return found;
  }

  it('are told as they happen; a client that comes again misses nothing and sees nothing twice', async () => {
    const { id } = (await call('POST', '/jobs/', job({ eval_steps: 50 }))).body;
    const first = await events(
      `/jobs/${id}/events`,
      undefined,
      ({ event, data }) => event === 'step' && data.step === 5,
    );
    const rest = await events(`/jobs/${id}/events`, first.at(-1)?.id);
    const all = [...first, ...rest];
    const steps = all.filter(({ event }) => event === 'step').map(({ data }) => data.step);
    const { body } = await call('GET', `/jobs/${id}`);
    assert.deepEqual(
      steps,
      Array.from({ length: Number(body.total_steps) }, (_, i) => i + 1),
    );
    const statuses = all.filter(({ event }) => event === 'status').map(({ data }) => data.status);
    assert.deepEqual(statuses, ['pending', 'queued', 'running', 'queued', 'running', 'queued', 'running', 'completed']);
    assert.equal(all.at(-1)?.event, 'end');
    assert.equal(all.at(-1)?.data.status, 'completed');
    const ids = all.flatMap((event) => event.id ?? []);
    assert.equal(new Set(ids).size, ids.length);
    const whole = await events(`/jobs/${id}/events`);
    assert.deepEqual(
      whole.map((event) => event.id),
      [...ids, undefined],
    );

    const metrics = (await call('GET', `/jobs/${id}/metrics?points=10`)).body;
    assert.equal(metrics.steps, body.total_steps);
    const points = metrics.points as { step: number; loss: number }[];
    assert.equal(points.length, 10);
    assert.equal(points.at(-1)?.step, body.total_steps);
    const full = (await call('GET', `/jobs/${id}/metrics`)).body.points as {
      step: number;
      loss: number;
      eval_loss: number | null;
      memory_bytes: number;
    }[];
    // Leave lossOfBase out of src/models/runs/run-stream.ts, and the curve of held-out loss does not begin with the base.
    const [base, ...trained] = full;
    assert.deepEqual([base?.step, base?.loss, points[0]?.step], [0, null, 0]);
    const mean = (values: { loss: number }[]) => values.reduce((sum, { loss }) => sum + loss, 0) / values.length;
    assert.ok(Math.abs(mean(trained) - mean(points.slice(1))) < 0.05, 'thinning keeps the level');
    assert.ok(trained.every(({ memory_bytes }) => memory_bytes > 1e8));

    // Take setEvalLoss out of src/models/runs/run-progress.ts and the curve has none.
    const evaluated = full.filter(({ eval_loss }) => eval_loss !== null);
    const evals = all.filter(({ event }) => event === 'eval').map(({ data }) => data);
    assert.deepEqual(
      evals.filter(({ trait }) => trait === null).map(({ step, loss }) => [step, loss]),
      evaluated.map(({ step, eval_loss }) => [step, eval_loss]),
    );
    assert.deepEqual(
      evaluated.map(({ step }) => step),
      [...new Set([0, 50, 100, 150, Number(body.total_steps)])].filter((step) => step <= Number(body.total_steps)),
    );
    assert.equal(evals.filter(({ trait }) => trait !== null).length, evaluated.length, 'and of its one trait');

    const checkpoints = (await call('GET', `/jobs/${id}/checkpoints`)).body.items as { step: number; state: string }[];
    assert.equal(checkpoints.filter(({ state }) => state === 'complete').length, 2);
    const log = await fetch(`${service.apiUrl}/api/v1/jobs/${id}/logs?tail=1`);
    assert.equal(log.status, 200);
    assert.match(log.headers.get('Content-Type') ?? '', /^text\/plain/);

    const download = await fetch(`${service.apiUrl}/api/v1/jobs/${id}/download`);
    assert.match(download.headers.get('Content-Disposition') ?? '', new RegExp(`job-${id}-run-1.tar`));
    const names: string[] = [];
    const reader = list({ onReadEntry: (entry) => void names.push(entry.path) });
    for await (const chunk of Readable.fromWeb(download.body as ReadableStream)) reader.write(chunk);
    reader.end();
    for (const name of ['config.json', 'model.safetensors', 'tokenizer.json'])
      assert.ok(names.includes(`job-${id}-run-1/${name}`), name);
  });

  it('go on from the last checkpoint after a cancel, to the weights of an undisturbed run', async () => {
    const options = job();
    const undisturbed = await ended((await call('POST', '/jobs/', options)).body.id);
    const { id } = (await call('POST', '/jobs/', options)).body;
    assert.equal((await call('POST', `/jobs/${id}/start`)).status, 409, 'its first run has not ended');
    await events(
      `/jobs/${id}/events`,
      undefined,
      ({ event, data }) => event === 'checkpoint' && Number(data.step) >= 20,
    );
    assert.equal((await call('POST', `/jobs/${id}/cancel`)).body.status, 'cancelled');

    const again = await call('POST', `/jobs/${id}/start`);
    assert.deepEqual([again.status, again.body.status, again.body.run_number], [200, 'pending', 2]);
    const done = await ended(id);
    assert.equal(done.status, 'completed', String(done.error_message));
    assert.equal(done.weights_sha256, undisturbed.weights_sha256);
    assert.deepEqual([done.stopped_early, done.exported_step], [false, done.total_steps]);
    const told = await events(`/jobs/${id}/events`);
    const resumed = told.find(({ event }) => event === 'resumed');
    assert.ok(Number(resumed?.data.step) >= 20, 'it began at the checkpoint');
    // Of the training and of the validation, each by one claim: from when it was claimed.
    const spans = told.filter(({ event }) => event === 'spans').map(({ data }) => data.spans as { name: string }[]);
    assert.deepEqual(
      spans.map((of) => [...of.slice(0, 3).map(({ name }) => name), of.some(({ name }) => name === 'model')]),
      [
        ['claim', 'spawn', 'data', true],
        ['claim', 'spawn', 'data', true],
      ],
    );
    const metrics = (await call('GET', `/jobs/${id}/metrics`)).body;
    assert.equal(metrics.steps, done.total_steps, 'the loss curve is whole');
    const runs = (await call('GET', `/jobs/${id}/runs`)).body.items as Record<string, unknown>[];
    assert.deepEqual(
      runs.map(({ number, status, resumes_run_number }) => [number, status, resumes_run_number]),
      [
        [2, 'completed', 1],
        [1, 'cancelled', null],
      ],
    );
    assert.equal((await call('GET', `/jobs/${id}/download?run=1`)).status, 400, 'the first run has no output');

    const refused = await call('POST', `/jobs/${id}/start`);
    assert.deepEqual([refused.status, /send {"fresh": true}/.test(String(refused.body.detail))], [400, true]);
    const fresh = await call('POST', `/jobs/${id}/start`, { fresh: true });
    assert.deepEqual([fresh.body.run_number, fresh.body.current_step], [3, 0]);
    assert.equal((await ended(id)).weights_sha256, undisturbed.weights_sha256);

    const output = String(done.output_path);
    await until('the last workflow to close', async () =>
      (await service.call('DELETE', `/jobs/${id}`)).status === 204 ? true : null,
    );
    assert.equal((await call('GET', `/jobs/${id}`)).status, 404);
    await access(join(output, 'model.safetensors'));
  });

  it('of a project are cancelled, retried and deleted alike', async () => {
    const { id } = (
      await call('POST', '/projects/', {
        name: 'p',
        base_model: TINY_MODEL,
        output_directory: 'p',
        max_length: 64,
        epochs: 50,
        save_steps: 5,
        traits: [{ trait_type: 'coding', datasets: [{ dataset_id: datasetId, percentage: 100 }] }],
      })
    ).body;
    assert.equal((await call('GET', `/projects/${id}/events`)).status, 400, 'it was not started');
    assert.equal((await call('POST', `/projects/${id}/cancel`)).status, 400);
    await call('POST', `/projects/${id}/start`);
    await events(`/projects/${id}/events`, undefined, ({ event }) => event === 'checkpoint');
    await call('POST', `/projects/${id}/cancel`);
    const retried = await call('POST', `/projects/${id}/retry`, {});
    assert.equal(retried.body.run_number, 2);
    const told = await events(`/projects/${id}/events`, undefined, ({ event }) => event === 'resumed');
    assert.ok(Number(told.at(-1)?.data.step) >= 5, 'it began at the checkpoint');
    await call('POST', `/projects/${id}/cancel`);
    await until('the project to be deleted', async () =>
      (await service.call('DELETE', `/projects/${id}`)).status === 204 ? true : null,
    );
    assert.equal((await call('GET', `/projects/${id}/runs`)).status, 404);
  });
});
