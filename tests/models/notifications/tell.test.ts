import assert from 'node:assert/strict';
import { Job } from '../../../src/models/jobs/job.ts';
import { NotificationDelivery } from '../../../src/models/notifications/notification-delivery.ts';
import { NotificationTarget } from '../../../src/models/notifications/notification-target.ts';
import { tellOfDisk } from '../../../src/models/notifications/tell-of-machine.ts';
import { Host } from '../../../src/models/pool/host.ts';
import { markLostWorkers } from '../../../src/models/pool/lost-workers.ts';
import { Worker } from '../../../src/models/pool/worker.ts';
import { setPauseReason, setPauseReasonInLine } from '../../../src/models/runs/pause.ts';
import type { Run } from '../../../src/models/runs/run.ts';
import { transition } from '../../../src/models/runs/transition.ts';
import { whileAskedBy } from '../../../src/platform/asked-by.ts';
import type { ValidationResult } from '../../../src/trainer/results.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { buildTarget } from '../../support/notification-targets.ts';
import { addWorkers, buildRun } from '../../support/runs.ts';

const figures = (loss: number) => ({ loss, perplexity: 1, exact_match: null });
const WORSE: ValidationResult = {
  valid: true,
  files: { valid: true, files_checked: [], errors: [] },
  loading: { valid: true, errors: [] },
  errors: [],
  verdict: 'worse',
  summary: 'The tuned model is WORSE than its base.',
  traits: [{ trait: 'all', rows: 8, verdict: 'worse', base: figures(1), tuned: figures(2), by_format: null }],
  samples: [{ trait: 'all', prompt: 'what is private', expected: 'e', base: 'b', tuned: 't' }],
};

describe('what receivers are told', function () {
  this.timeout(60_000);
  let database: TestDatabase;

  before(async () => {
    database = await startTestDatabase();
  });
  after(() => database?.remove());
  beforeEach(() => NotificationTarget.destroy({ where: {} }));

  const told = async () => {
    const rows = await NotificationDelivery.findAll({ order: ['id'] });
    return rows.map(({ event, target_id, data }) => ({ event, target_id, ...data }));
  };
  const running = async () => await (await buildRun(database)).update({ status: 'running', phase: 'training' });
  const fail = (run: Run, transaction?: Parameters<typeof transition>[0]['transaction']) =>
    transition({
      runId: run.id,
      to: 'failed',
      phase: 'finished',
      set: { error_class: 'TrainerFailed', error_message: 'It diverged. Choose a lower learning rate.' },
      ...(transaction ? { transaction } : {}),
    });

  it('is written with the status, or not at all', async () => {
    // Call tellOfStatus without the transaction (src/models/runs/transition.ts), and it is told although nothing happened.
    const target = await buildTarget();
    const run = await running();
    await assert.rejects(
      database.sequelize.transaction(async (transaction) => {
        await fail(run, transaction);
        throw new Error('killed');
      }),
      /killed/,
    );
    assert.deepEqual(await told(), []);
    await fail(run);
    assert.equal(await fail(run), null, 'it has ended');
    const [news, ...others] = await told();
    assert.deepEqual([news?.event, news?.target_id, others], ['run.failed', target.id, []]);
    assert.equal(news?.sentence, `Run 1 of job ${run.job_id} (job) failed: It diverged. Choose a lower learning rate.`);
    assert.deepEqual([news?.run?.name, news?.run?.status], [run.workflow_id, 'failed']);
  });

  it('of a model that is worse than its base, is that beside its end, without what was in its data', async () => {
    // Leave the verdict out of tellOfStatus; or put `samples` into RunNews.
    await buildTarget();
    const run = await (await running()).update({ validation: WORSE });
    await transition({ runId: run.id, to: 'completed', phase: 'finished' });
    const news = await told();
    assert.deepEqual(
      news.map(({ event }) => event),
      ['run.completed', 'run.worse_than_base'],
    );
    assert.match(news[1]?.sentence ?? '', /completed, and its model is worse than its base\. The tuned model is WORSE/);
    const [trait] = news[1]?.run?.traits ?? [];
    assert.deepEqual([trait?.base_loss, trait?.tuned_loss], [1, 2]);
    assert.ok(!JSON.stringify(news).includes('private'));
  });

  it('of a pause says why and by whom, and not what a sweep does all the time', async () => {
    // Leave isTold out of `write` (src/models/runs/pause.ts), and the sweep's pause is told as well.
    await buildTarget();
    const run = await running();
    await setPauseReason(run.id, 'Its sweep lets it go on by itself.', [null], false);
    await setPauseReason(run.id, null);
    assert.deepEqual(await told(), []);
    await setPauseReason(run.id, 'The disk is full.');
    await setPauseReason(run.id, 'The disk is full.');
    const waiting = await buildRun(database);
    await whileAskedBy('Kim', null, () => setPauseReasonInLine(waiting.id, 'It was asked for.'));
    assert.deepEqual(
      (await told()).map(({ event, sentence }) => [event, sentence.replace(/^.*\(job\) /, '')]),
      [
        ['run.paused', 'is paused: The disk is full.'],
        ['run.paused', 'is paused by Kim: It was asked for.'],
      ],
    );
  });

  it('goes to those who want to hear of it', async () => {
    // Leave `enabled`, `events` or `runs_of` out of `tell` (src/models/notifications/tell.ts).
    const of = async (choices: Parameters<typeof buildTarget>[0]) => (await buildTarget(choices)).id;
    const wanting = [await of({}), await of({ events: ['disk.low', 'run.failed'] }), await of({ runs_of: 'Kim' })];
    await of({ enabled: false });
    await of({ events: ['run.completed'] });
    await of({ runs_of: 'Lee' });
    const run = await running();
    await Job.update({ created_by: 'Kim' }, { where: { id: run.job_id ?? 0 } });
    await fail(run);
    assert.deepEqual(
      (await told()).map(({ target_id }) => target_id),
      wanting,
    );
  });

  it('of a worker whose host is away, comes once', async () => {
    // Leave tellOfLostWorker out of markLostWorkers.
    await buildTarget();
    await addWorkers(1, 'busy');
    const [worker] = await Worker.findAll();
    const run = await running();
    await worker?.update({ current_run_id: run.id, started_at: new Date(0), heartbeat_at: null });
    await Host.report({ name: 'nowhere', agentPid: 1, devices: ['cpu'], startedAt: new Date(0) });
    await Host.update({ heartbeat_at: new Date(0) }, { where: { name: 'nowhere' } });
    assert.deepEqual(await markLostWorkers(), [worker?.id]);
    assert.deepEqual(await markLostWorkers(), []);
    const [news, ...others] = await told();
    assert.deepEqual(others, []);
    assert.deepEqual(news?.worker, { id: worker?.id, host: 'nowhere', device: null, run_id: run.id });
    assert.match(news?.sentence ?? '', /is lost\. Host nowhere has not reported since 1970-01-01/);
  });

  it('of a disk without room, comes once, and again only after it has had room', async () => {
    // Leave notification_disks out of tellOfDisk, or ROOM_AGAIN_BYTES.
    await buildTarget();
    const disk = (free_bytes: number) =>
      tellOfDisk('host', { path: '/data', holds: ['home'], bytes: 100e9, free_bytes });
    for (const free of [9e9, 4e9, 3e9, 5.5e9, 4e9, 7e9, 4e9]) await disk(free);
    const news = await told();
    assert.deepEqual(
      news.map(({ event, disk: about }) => [event, about?.free_bytes]),
      [
        ['disk.low', 4e9],
        ['disk.low', 4e9],
      ],
    );
    assert.match(news[0]?.sentence ?? '', /^The disk at \/data of host has 4\.0 GB left of 100\.0 GB\./);
  });
});
