import assert from 'node:assert/strict';
import { join } from 'node:path';
import { csvRows } from '../support/rows.ts';
import { startTestService, type TestService, TINY_MODEL, until } from '../support/service.ts';
import { onSmallDisk } from '../support/small-disk.ts';
import { trainerOf } from '../support/trainers.ts';

/** Enough steps that a test can act in the middle. */
const LONG = { batch_size: 2, epochs: 2, save_steps: 20, lora_r: 4, max_length: 64 };
const STALL_TIMEOUT_MS = 5_000;

describe('a run that cannot go on just now', function () {
  this.timeout(180_000);
  let service: TestService;
  let remove: () => Promise<void>;
  let datasetId: number;
  let undisturbed: Record<string, unknown>;

  before(async () => {
    ({ service, remove } = await startTestService({ stallTimeoutMs: STALL_TIMEOUT_MS }));
    datasetId = Number((await service.upload('rows.csv', csvRows(200))).body.id);
    const pool = await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
    assert.equal(pool.body.idle_workers, 1);
    undisturbed = await ended(await createJob());
    assert.equal(undisturbed.status, 'completed', String(undisturbed.error_message));
  });

  after(() => remove?.());

  async function createJob(options: Record<string, unknown> = {}): Promise<number> {
    const job = { name: 'job', dataset_id: datasetId, model_name: TINY_MODEL, ...LONG, ...options };
    const { status, body } = await service.call('POST', '/jobs/', job);
    assert.equal(status, 201, JSON.stringify(body));
    return Number(body.id);
  }

  const job = async (id: number) => (await service.call('GET', `/jobs/${id}`)).body;
  const act = (id: number, action: string) => service.call('POST', `/jobs/${id}/${action}`);

  const reached = (what: string, id: number, is: (body: Record<string, unknown>) => boolean) =>
    until(`job ${id}: ${what}`, async () => {
      const body = await job(id);
      return is(body) ? body : null;
    });
  const ended = (id: number) =>
    reached('its end', id, ({ status }) => ['completed', 'failed', 'cancelled'].includes(String(status)));
  const atStep = (id: number, step: number) => reached(`step ${step}`, id, (body) => Number(body.current_step) >= step);
  const paused = (id: number) => reached('paused', id, ({ phase }) => phase === 'paused');

  async function eventsOf(id: number): Promise<string> {
    return await (await fetch(`${service.apiUrl}/api/v1/jobs/${id}/events`)).text();
  }

  it('is paused when asked: it holds no worker, and ends with the weights of an undisturbed run once resumed', async () => {
    // Return 'renewed' whatever pause_reason is (renewLease, src/models/lease.ts) and it trains to its end.
    const id = await createJob();
    await atStep(id, 30);
    const asked = await act(id, 'pause');
    assert.equal(asked.status, 200, JSON.stringify(asked.body));
    assert.match(String(asked.body.pause_reason), /asked/);
    assert.equal((await act(id, 'pause')).status, 200);
    const { status, current_step } = await paused(id);
    assert.equal(status, 'queued');
    assert.ok(Number(current_step) < 180);
    const pool = await until('its worker to be free', async () => {
      const { body } = await service.call('GET', '/workers/');
      return body.idle_workers === 1 ? body : null;
    });
    assert.equal(pool.jobs_in_queue, 0);
    // The slot is free for others.
    assert.equal((await ended(await createJob({ max_steps: 2 }))).status, 'completed');
    assert.equal((await job(id)).phase, 'paused');
    const resumed = await act(id, 'resume');
    assert.deepEqual([resumed.status, resumed.body.pause_reason], [200, null]);
    const done = await ended(id);
    assert.equal(done.status, 'completed', String(done.error_message));
    assert.equal(done.weights_sha256, undisturbed.weights_sha256);
    const steps = [...(await eventsOf(id)).matchAll(/event: resumed\ndata: {.*?"step": ?(\d+)/g)];
    assert.deepEqual(
      steps.map(([, step]) => Number(step) >= Number(current_step)),
      [true],
      'nothing was trained twice',
    );
  });

  it('is paused and resumed while it waits, and cancelled while it is paused', async () => {
    const first = await createJob({ epochs: 100 });
    await atStep(first, 1);
    const waiting = await createJob({ max_steps: 4 });
    assert.equal((await act(waiting, 'pause')).status, 200);
    await paused(waiting);
    assert.equal((await act(first, 'cancel')).status, 200);
    await until('a free worker', async () =>
      (await service.call('GET', '/workers/')).body.idle_workers === 1 ? true : null,
    );
    assert.equal((await job(waiting)).phase, 'paused');
    assert.equal((await act(waiting, 'resume')).status, 200);
    assert.equal((await ended(waiting)).status, 'completed');

    const second = await createJob({ epochs: 100 });
    await atStep(second, 5);
    await act(second, 'pause');
    await paused(second);
    const cancelled = await act(second, 'cancel');
    assert.deepEqual([cancelled.status, cancelled.body.status], [200, 'cancelled']);
    assert.match(await eventsOf(second), /event: end\n/);
  });

  it('is refused a pause, or a resume, that makes no sense', async () => {
    const id = await createJob({ max_steps: 1 });
    const early = await act(id, 'resume');
    assert.equal(early.status, 400);
    assert.match(String(early.body.detail), /Job \d+ is \w+ and not paused/);
    assert.equal((await ended(id)).status, 'completed');
    for (const action of ['pause', 'resume']) {
      const late = await act(id, action);
      assert.equal(late.status, 400);
      assert.match(String(late.body.detail), /is completed and cannot be/);
    }
    assert.equal((await act(999_999, 'pause')).status, 404);
  });

  it('and whose trainer hangs is ended, and goes on from its last checkpoint', async () => {
    // Take out trainer.kill() of the StallWatch in src/activities/run-trainer.ts and it hangs for ever.
    const id = await createJob();
    await atStep(id, 30);
    process.kill(await trainerOf(service.env.home), 'SIGSTOP');
    const done = await ended(id);
    assert.equal(done.status, 'completed', String(done.error_message));
    assert.equal(done.weights_sha256, undisturbed.weights_sha256);
    assert.match(await eventsOf(id), /event: trainer_crashed\ndata: {.*made no progress for \d+ s \(phase training\)/);
  });

  it('since the disk is full is paused with that reason, and goes on by itself when there is room', async () => {
    // Let _NO_ROOM of trainer/__main__.py be empty and the run fails.
    const runs = join(service.env.home, 'runs');
    await onSmallDisk(runs, '600k', async (grow) => {
      const id = await createJob();
      const { status, pause_reason } = await paused(id);
      assert.equal(status, 'queued');
      assert.match(String(pause_reason), /disk is full\. Make room/);
      await grow('400m');
      const done = await ended(id);
      assert.equal(done.status, 'completed', String(done.error_message));
      assert.equal(done.weights_sha256, undisturbed.weights_sha256);
    });
  });
});
