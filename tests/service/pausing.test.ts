import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pauseWhenFull } from '../support/full-disk.ts';
import { settledPool } from '../support/hosts.ts';
import { assertWeights, type Jobs, jobsOf, stepsIn } from '../support/jobs.ts';
import { csvRows } from '../support/rows.ts';
import { startTestService, type TestService, temporalClientOf, until } from '../support/service.ts';
import { onSmallDisk } from '../support/small-disk.ts';
import { trainerOf } from '../support/trainers.ts';
import { eventsOf, timersIn } from '../support/web-ui.ts';

const STALL_TIMEOUT_MS = 5_000;
/** So long that a test can stop a worker, do something, and let it go on before its lease is lost. */
const HEARTBEAT_TIMEOUT_MS = 12_000;

describe('a run that cannot go on just now', function () {
  this.timeout(360_000);
  let service: TestService;
  let remove: () => Promise<void>;
  let jobs: Jobs;
  let undisturbed: Record<string, unknown>;

  before(async () => {
    ({ service, remove } = await startTestService({
      stallTimeoutMs: STALL_TIMEOUT_MS,
      heartbeatTimeoutMs: HEARTBEAT_TIMEOUT_MS,
    }));
    jobs = jobsOf(service, Number((await service.upload('rows.csv', csvRows(200))).body.id));
    await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
    await settledPool(service, 1);
    undisturbed = await jobs.ended(await jobs.create());
    assert.equal(undisturbed.status, 'completed', String(undisturbed.error_message));
  });

  after(() => remove?.());

  it('is paused when asked: it holds no worker, and ends with the weights of an undisturbed run once resumed', async () => {
    // Return 'renewed' whatever pause_reason is (renewLease, src/models/runs/lease.ts) and it trains to its end.
    const id = await jobs.create();
    await jobs.atStep(id, 30);
    const asked = await jobs.act(id, 'pause');
    assert.equal(asked.status, 200, JSON.stringify(asked.body));
    assert.match(String(asked.body.pause_reason), /asked/);
    assert.equal((await jobs.act(id, 'pause')).status, 200);
    const { status, current_step } = await jobs.paused(id);
    assert.equal(status, 'queued');
    assert.ok(Number(current_step) < 180);
    const pool = await until('its worker to be free', async () => {
      const { body } = await service.call('GET', '/workers/');
      return body.idle_workers === 1 ? body : null;
    });
    assert.equal(pool.jobs_in_queue, 0);
    // The slot is free for others.
    assert.equal((await jobs.ended(await jobs.create({ max_steps: 2 }))).status, 'completed');
    assert.equal((await jobs.get(id)).phase, 'paused');
    const resumed = await jobs.act(id, 'resume');
    assert.deepEqual([resumed.status, resumed.body.pause_reason], [200, null]);
    const done = await jobs.ended(id);
    assertWeights(done, undisturbed);
    assert.deepEqual(
      stepsIn(await jobs.eventsOf(id), 'resumed').map((step) => step >= Number(current_step)),
      [true],
      'nothing was trained twice',
    );
  });

  it('is paused and resumed while it waits, and cancelled while it is paused', async () => {
    const first = await jobs.create({ epochs: 100 });
    await jobs.atStep(first, 1);
    const waiting = await jobs.create({ max_steps: 4 });
    assert.equal((await jobs.act(waiting, 'pause')).status, 200);
    await jobs.paused(waiting);
    assert.equal((await jobs.act(first, 'cancel')).status, 200);
    await until('a free worker', async () =>
      (await service.call('GET', '/workers/')).body.idle_workers === 1 ? true : null,
    );
    assert.equal((await jobs.get(waiting)).phase, 'paused');
    assert.equal((await jobs.act(waiting, 'resume')).status, 200);
    assert.equal((await jobs.ended(waiting)).status, 'completed');

    const second = await jobs.create({ epochs: 100 });
    await jobs.atStep(second, 5);
    await jobs.act(second, 'pause');
    await jobs.paused(second);
    const cancelled = await jobs.act(second, 'cancel');
    assert.deepEqual([cancelled.status, cancelled.body.status], [200, 'cancelled']);
    assert.match(await jobs.eventsOf(second), /event: end\n/);
  });

  it('is refused a pause, or a resume, that makes no sense', async () => {
    const id = await jobs.create({ max_steps: 2 });
    const early = await jobs.act(id, 'resume');
    assert.equal(early.status, 400);
    assert.match(String(early.body.detail), /Job \d+ is \w+ and not paused/);
    assert.equal((await jobs.ended(id)).status, 'completed');
    for (const action of ['pause', 'resume']) {
      const late = await jobs.act(id, action);
      assert.equal(late.status, 400);
      assert.match(String(late.body.detail), /is completed and cannot be/);
    }
    assert.equal((await jobs.act(999_999, 'pause')).status, 404);
  });

  it('and whose trainer hangs is ended, and goes on from its last checkpoint', async () => {
    // Take out trainer.kill() of the StallWatch in src/activities/runs/run-trainer.ts and it hangs for ever.
    const id = await jobs.create();
    await jobs.atStep(id, 30);
    process.kill(await trainerOf(service.env.home), 'SIGSTOP');
    const done = await jobs.ended(id);
    assertWeights(done, undisturbed);
    assert.match(
      await jobs.eventsOf(id),
      /event: trainer_crashed\ndata: {.*made no progress for \d+ s \(phase training\)/,
    );
  });

  it('since the disk is full is paused with that reason, and goes on by itself when there is room', async () => {
    // Let _NO_ROOM of trainer/platform/failures.py be empty and the run fails. Leave makeRoom out of handBack (src/activities/runs/under-lease.ts), and nobody says what was freed.
    const runs = join(service.env.home, 'runs');
    // All that may ever go is due, while it trains: nothing that it needs is touched.
    const { body: config } = await service.call('GET', '/config/');
    const retention = Object.fromEntries(
      // The list of who did what goes by MTM_KEEP_AUDIT_DAYS, whatever is set.
      Object.keys(config.retention as object).flatMap((kind) => (kind === 'audit' ? [] : [[kind, 0]])),
    );
    assert.equal((await service.call('PATCH', '/config/', { retention })).status, 200);
    await onSmallDisk(runs, '600k', async (disk) => {
      const id = await jobs.create();
      const { status, pause_reason } = await jobs.paused(id);
      assert.equal(status, 'queued');
      assert.match(String(pause_reason), /disk is full\. Make room/);
      assert.match(
        String(pause_reason),
        /No policy had anything due|The policies for storage removed .* that were due/,
      );
      await service.call('POST', '/storage/clean', { dry_run: false });
      await disk.resize('400m');
      const done = await jobs.ended(id);
      assertWeights(done, undisturbed);
    });
    await service.call('PATCH', '/config/', { retention: config.retention });
  });

  it('since there is no room to prepare its data is paused with that reason as well', async () => {
    // Let prepareData (src/activities/runs/prepare-data.ts) throw on a full disk, and it is tried again and again unpaused.
    const runs = join(service.env.home, 'runs');
    await onSmallDisk(runs, '4k', async (disk) => {
      const id = await jobs.create();
      const isFull = ({ pause_reason }: Record<string, unknown>) =>
        /disk is full\. Make room/.test(String(pause_reason));
      assert.equal((await jobs.reached('paused, since the disk is full', id, isFull)).phase, 'paused');
      await disk.resize('400m');
      assertWeights(await jobs.ended(id), undisturbed);
    });
  });

  it('since its worker finds no room for the run file is paused with that reason as well', async () => {
    // Let noRoomIn of src/activities/runs/full-disk.ts believe the trainer alone, and it is tried again and again unpaused.
    const runs = join(service.env.home, 'runs');
    await onSmallDisk(runs, '400m', async (disk) => {
      const id = await jobs.create();
      await jobs.atStep(id, 30);
      await jobs.act(id, 'pause');
      await jobs.paused(id);
      await disk.fill();
      await jobs.act(id, 'resume');
      await jobs.reached('paused, since the disk is full', id, (body) =>
        /disk is full/.test(String(body.pause_reason)),
      );
      // Let #diskHadRoomAtMs of src/workflows/runs/pausing.ts be the end of any pause, and it looks as rarely as at the one before.
      const { workflow, connection } = await temporalClientOf(service);
      const asked = await until('the workflow to wait', async () => {
        const timers = timersIn(await eventsOf(workflow.getHandle(`job-${id}-run-1`)));
        return timers.at(-1)?.summary === 'Paused until there is room on the disk' ? timers.at(-1) : null;
      });
      await connection.close();
      assert.equal(asked.ms, 5_000);
      await disk.resize('400m');
      assertWeights(await jobs.ended(id), undisturbed);
    });
  });

  it('and is asked to pause when the disk is full already stays paused until it is resumed', async () => {
    // Let #fullDisk of src/workflows/runs/pausing.ts set its reason in any case, and the run would go on by itself.
    const runs = join(service.env.home, 'runs');
    const { workflow: workflows, connection } = await temporalClientOf(service);
    try {
      await onSmallDisk(runs, '400m', async (disk) => {
        const id = await jobs.create();
        await jobs.atStep(id, 30);
        await pauseWhenFull({ service, jobs, workflows, disk }, id);
        await disk.resize('400m');
        assert.equal((await jobs.act(id, 'resume')).status, 200);
        assertWeights(await jobs.ended(id), undisturbed);
        const reasons = [...(await jobs.eventsOf(id)).matchAll(/event: pause\ndata: {.*?"reason": ?"([^"]*)/g)];
        assert.deepEqual(
          reasons.map(([, reason]) => reason),
          ['It was asked for. Resume it to go on.'],
        );
      });
    } finally {
      await connection.close();
    }
  });

  it('since its output directory became read-only fails with that reason, and is finished when it is started again', async () => {
    // Take resolveOutputDirectory out of trainingFile (src/activities/runs/train-model.ts) and the reason is a Python error.
    const outputs = join(service.env.home, 'outputs');
    await mkdir(outputs, { recursive: true });
    await onSmallDisk(outputs, '400m', async (disk) => {
      const id = await jobs.create();
      await jobs.atStep(id, 30);
      await disk.setReadOnly(true);
      const failed = await jobs.ended(id);
      assert.equal(failed.status, 'failed');
      assert.match(String(failed.error_message), /output_directory .* is not writable by the service/);
      await disk.setReadOnly(false);
      assert.equal((await jobs.act(id, 'start')).status, 200);
      assertWeights(await jobs.ended(id), undisturbed);
    });
  });
});
