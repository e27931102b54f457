import assert from 'node:assert/strict';
import { join } from 'node:path';
import { Host } from '../../../src/models/pool/host.ts';
import { newWorker, Worker } from '../../../src/models/pool/worker.ts';
import type { Gpu } from '../../../src/platform/machine.ts';
import { type ApiOnly, startTestApi } from '../../support/api.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { csvRows } from '../../support/rows.ts';
import { TINY_EMBEDDER, TINY_MODEL } from '../../support/service.ts';
import { putTinyModel } from '../../support/tiny-models.ts';

interface Planned {
  no_estimate: string | null;
  estimate: {
    device: { count: number; name: string };
    memory: { parts: Record<string, number> };
    time: { seconds: number; queue_seconds: number | null };
  } | null;
}

describe('the estimate of a plan', function () {
  this.timeout(120_000);
  let database: TestDatabase;
  let api: ApiOnly;
  let job: object;

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database, { modelCache: join(database.home, 'models') });
    await putTinyModel(api.env, 'tiny-random');
    await putTinyModel(api.env, 'tiny-embedder');
    const dataset = await api.upload('rows.csv', csvRows(200));
    job = { dataset_id: Number(dataset.body.id), model_name: TINY_MODEL, training_type: 'lora', max_length: 64 };
  });

  after(async () => {
    await api?.close();
    await database?.remove();
  });

  const planned = async (changes: object = {}) => {
    const { status, body } = await api.call('POST', '/jobs/plan', { ...job, ...changes });
    assert.equal(status, 200, JSON.stringify(body));
    return body as unknown as Planned;
  };
  /** They are away after fifteen seconds. */
  const report = (name: string, devices: string[], gpus: Gpu[] = [], bytes = 8e9) => {
    const memory = { bytes, available_bytes: bytes, cpu: 'Some CPU', cpu_has_bf16: true, gpus };
    return Host.report({ name, agentPid: 1, devices, memory, startedAt: new Date() });
  };

  it('says when a worker takes it, by the estimates of the runs that wait before it', async () => {
    // Let `secondsOf` in src/commands/estimates/queue-time.ts return null, and it is not known.
    await report('host', ['cpu']);
    await Worker.create(newWorker('one', 'host'));
    const [short, long] = [await planned(), await planned({ epochs: 50 })];
    assert.equal(short.estimate?.time.queue_seconds, 0);
    assert.ok(Number(long.estimate?.time.seconds) > Number(short.estimate?.time.seconds));
    for (const changes of [{}, { epochs: 50 }])
      assert.equal((await api.call('POST', '/jobs/', { name: 'waits', ...job, ...changes })).status, 201);
    await report('host', ['cpu']);
    const both = Number(short.estimate?.time.seconds) + Number(long.estimate?.time.seconds);
    const after = (await planned()).estimate?.time.queue_seconds;
    assert.ok(Math.abs(Number(after) - both) < 0.001, `${after} is not ${both}`);
    await Worker.create(newWorker('two', 'host'));
    const less = (await planned()).estimate?.time.queue_seconds;
    assert.ok(Math.abs(Number(less) - Number(short.estimate?.time.seconds)) < 0.001, `two workers: ${less}`);
    // Of one that nobody has counted the tokens of, and without a run that has ended, nobody knows.
    assert.equal((await api.call('POST', '/jobs/', { name: 'not planned', ...job, seed: 7 })).status, 201);
    assert.equal((await planned()).estimate?.time.queue_seconds, null);
  });

  it('is of each device where a run has several', async () => {
    // Take `batch_size` for rowsAtOnce (src/estimates/training.ts), and both take as much.
    const gpu = (index: number) => ({
      device: `cuda:${index}`,
      name: 'NVIDIA H200',
      bytes: 141e9,
      free_bytes: 140e9,
      has_bf16: true,
    });
    await report('gpus', ['cuda:0'], [gpu(0), gpu(1)]);
    const one = (await planned({ batch_size: 8 })).estimate;
    await report('gpus', ['cuda:0,cuda:1'], [gpu(0), gpu(1)]);
    const two = (await planned({ batch_size: 8 })).estimate;
    assert.deepEqual([one?.device.count, one?.device.name], [1, 'NVIDIA H200']);
    assert.deepEqual([two?.device.count, two?.device.name], [2, '2 x NVIDIA H200']);
    const kept = (planned: typeof one) => Number(planned?.memory.parts.activations);
    assert.ok(Math.abs(kept(one) / kept(two) - 2) < 0.001);
    const overhead = (planned: typeof one) => Number(planned?.memory.parts.overhead);
    assert.equal(overhead(two) - overhead(one), two?.memory.parts.gradients);
    await Host.destroy({ where: { name: 'gpus' } });
  });

  it('is a sentence of an index, with what its models take', async () => {
    // Leave `tooLarge` or `answers` out of the sentence (src/commands/estimates/sentence-of-index.ts), and it fails.
    await report('host', ['cpu']);
    const { estimate, no_estimate } = await planned({ training_type: 'rag', embedding_model: TINY_EMBEDDER });
    assert.equal(estimate, null);
    const figures =
      /^An index is made by reading, and learns nothing\. It takes at least (\d\.\d) GB of memory: (\d\.\d) GB for the trainer, (\d+) MB for (\S+), which makes it, and (\d+) MB for (\S+), which answers when the index is validated\. Each chunk takes [\d.]+ kB of it, and [\d.]+ kB of the disk beside its text\. How many chunks there are/.exec(
        String(no_estimate),
      );
    assert.ok(figures, String(no_estimate));
    assert.deepEqual([figures[4], figures[6]], [TINY_EMBEDDER, TINY_MODEL]);
    const alone = await planned({ training_type: 'rag', model_name: TINY_EMBEDDER });
    assert.match(String(alone.no_estimate), /which makes it\. Each chunk/);
    await report('host', ['cpu'], [], 1e8);
    const small = await planned({ training_type: 'rag', embedding_model: TINY_EMBEDDER });
    assert.match(String(small.no_estimate), /That would not fit: the host host has 0\.1 GB\./);
  });
});
