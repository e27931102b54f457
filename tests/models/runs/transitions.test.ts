import assert from 'node:assert/strict';
import { QueryTypes } from 'sequelize';
import { createRun, RunAlreadyOpenError } from '../../../src/models/runs/create-run.ts';
import { claimLease, type Lease, renewLease } from '../../../src/models/runs/lease.ts';
import { connection, type Run } from '../../../src/models/runs/run.ts';
import { RunEvent } from '../../../src/models/runs/run-event.ts';
import { recordCheckpoint, recordCompared, recordEvent, recordSteps } from '../../../src/models/runs/run-progress.ts';
import { isFinal, RUN_STATUSES, type RunStatus } from '../../../src/models/runs/statuses.ts';
import { transition } from '../../../src/models/runs/transition.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { buildRun } from '../../support/runs.ts';
import { until } from '../../support/service.ts';

/** What the design page draws, written out here by hand. */
const ALLOWED = new Set([
  'pending>queued',
  'pending>failed',
  'pending>cancelled',
  'queued>running',
  'queued>failed',
  'queued>cancelled',
  'running>queued',
  'running>completed',
  'running>failed',
  'running>cancelled',
]);

const WAY_TO: Record<RunStatus, RunStatus[]> = {
  pending: [],
  queued: ['queued'],
  running: ['queued', 'running'],
  completed: ['queued', 'running', 'completed'],
  failed: ['failed'],
  cancelled: ['cancelled'],
};

const END = { failed: { error_class: 'Test', error_message: 'A test asked for it.' } } as Partial<
  Record<RunStatus, object>
>;

describe('the life of a run', () => {
  let database: TestDatabase;
  before(async () => {
    database = await startTestDatabase();
  });
  after(() => database?.remove());

  const go = (runId: number, to: RunStatus) => transition({ runId, to, phase: 'waiting', set: END[to] ?? {} });

  async function runIn(status: RunStatus): Promise<Run> {
    const run = await buildRun(database);
    for (const to of WAY_TO[status]) assert.ok(await go(run.id, to));
    return await run.reload();
  }

  for (const from of RUN_STATUSES) {
    for (const to of RUN_STATUSES) {
      const allowed = ALLOWED.has(`${from}>${to}`);
      it(`${from} ${allowed ? 'may' : 'may not'} become ${to}`, async () => {
        const run = await runIn(from);
        const events = await RunEvent.count({ where: { run_id: run.id } });
        assert.equal((await go(run.id, to)) !== null, allowed);
        assert.equal((await run.reload()).status, allowed ? to : from);
        assert.equal((await RunEvent.count({ where: { run_id: run.id } })) - events, allowed ? 1 : 0);
        assert.equal(run.finished_at !== null, isFinal(run.status));
      });
    }
  }

  it('is final in the database itself', async () => {
    const run = await runIn('cancelled');
    await assert.rejects(
      database.sequelize.query(`UPDATE runs SET status = 'running', finished_at = NULL WHERE id = ${run.id}`),
      /cannot become running/,
    );
  });

  it('has one open run per job, also in a race', async () => {
    const { job_id, spec } = await runIn('pending');
    assert.ok(job_id);
    const tries = await Promise.allSettled(
      [1, 2].map(() => database.sequelize.transaction((t) => createRun({ kind: 'job', id: job_id }, spec, t))),
    );
    for (const result of tries) assert.ok(result.status === 'rejected' && result.reason instanceof RunAlreadyOpenError);
  });

  describe('leases', () => {
    const TTL_MS = 60_000;
    const step = {
      type: 'step',
      step: 1,
      total_steps: 2,
      epoch: 0.5,
      loss: 1,
      learning_rate: 0.1,
      grad_norm: null,
      tokens: 10,
      tokens_per_s: 1,
      seconds_left: 1,
    } as const;
    const checkpoint = {
      type: 'checkpoint',
      step: 1,
      epoch: 0.5,
      path: '/c',
      manifest_sha256: '0'.repeat(64),
      bytes: 1,
      seconds: 0,
    } as const;

    const compared = { type: 'compared', percent: 50, seconds_left: 12 } as const;

    async function claim(runId: number, worker: string, ttlMs = TTL_MS): Promise<Lease> {
      const result = await claimLease(runId, worker, ttlMs, 'loading');
      assert.equal(result.outcome, 'claimed');
      return result.outcome === 'claimed' ? result.lease : assert.fail();
    }

    it('go to one of many that claim at once', async () => {
      // Take the lock out of claimLease (src/models/runs/lease.ts) and others fail instead of being told to wait.
      const workers = Array.from({ length: 10 }, (_, place) => `worker-${place}`);
      // More than once: at first each opens its connection to the database, one after the other.
      for (let round = 0; round < 5; round++) {
        const run = await runIn('queued');
        const results = await Promise.all(workers.map((worker) => claimLease(run.id, worker, TTL_MS, 'loading')));
        const outcomes = results.map(({ outcome }) => outcome).sort();
        assert.deepEqual(outcomes, ['claimed', ...Array.from({ length: 9 }, () => 'held')]);
      }
    });

    it('are given also where the row is older than its workflow, from a backup', async () => {
      // Take the transition from pending out of claimLease (src/models/runs/lease.ts) and the run counts as ended.
      const run = await runIn('pending');
      assert.equal((await claim(run.id, 'worker')).epoch, 1);
    });

    it('that ran out are taken over, and every write of the old holder is refused', async () => {
      // Take "lease_epoch = $epoch" out of HELD (src/models/runs/held-write.ts) and the old holder writes.
      const run = await runIn('queued');
      const old = await claim(run.id, 'old', 0);
      const now = await claim(run.id, 'new');
      assert.equal(now.epoch, old.epoch + 1);
      assert.equal(await renewLease(old, TTL_MS), 'superseded');
      assert.equal(await recordSteps(old, [step]), false);
      assert.equal(await recordCheckpoint(old, checkpoint, 1), false);
      assert.equal(await recordCompared(old, compared), false);
      assert.equal(await recordEvent(old, 'log', {}), false);
      assert.equal(
        await transition({ runId: run.id, to: 'completed', phase: 'finished', leaseEpoch: old.epoch }),
        null,
      );
      assert.equal((await run.reload()).current_step, 0);
      assert.equal(await renewLease(now, TTL_MS), 'renewed');
      assert.equal(await recordSteps(now, [step]), true);
      assert.equal(await recordCheckpoint(now, checkpoint, 1), true);
      // Between what training and what validation are shown as.
      assert.equal(await recordCompared(now, compared), true);
      const { current_step, progress, seconds_left } = await run.reload();
      assert.deepEqual([current_step, progress, seconds_left], [1, 97, 12]);
    });

    it('go by the clock of the database, whatever that of a worker says', async () => {
      // Let databaseNow (src/models/runs/lease.ts) return Date.now() and a worker whose clock is fast takes the run.
      const run = await runIn('queued');
      await claim(run.id, 'a');
      const { now } = Date;
      Date.now = () => now() + 3_600_000;
      try {
        assert.equal((await claimLease(run.id, 'fast', TTL_MS, 'loading')).outcome, 'held');
      } finally {
        Date.now = now;
      }
    });

    it('let an end that is being written come before what their holder writes meanwhile', async () => {
      // Take FOR SHARE out of HELD (src/models/runs/held-write.ts) and the event comes after the end.
      const run = await runIn('queued');
      const lease = await claim(run.id, 'a');
      let isDone = false;
      let writing: Promise<boolean> | undefined;
      await connection().transaction(async (transaction) => {
        await transition({ runId: run.id, to: 'cancelled', phase: 'finished', transaction });
        writing = recordEvent(lease, 'log', {}).finally(() => {
          isDone = true;
        });
        await until('the write to be done, or to wait', async () => {
          const waiting = await connection().query('SELECT 1 FROM pg_locks WHERE NOT granted', {
            type: QueryTypes.SELECT,
          });
          return isDone || waiting.length > 0 ? true : null;
        });
      });
      assert.equal(await writing, false);
      const events = await RunEvent.findAll({ where: { run_id: run.id }, order: [['seq', 'DESC']] });
      assert.equal(events[0]?.kind, 'status');
    });

    it('tell their holder of a cancel', async () => {
      const run = await runIn('queued');
      const lease = await claim(run.id, 'a');
      await go(run.id, 'cancelled');
      assert.equal(await renewLease(lease, TTL_MS), 'cancelled');
      assert.equal(await recordSteps(lease, [step]), false);
      assert.equal((await claimLease(run.id, 'b', TTL_MS, 'loading')).outcome, 'ended');
    });
  });
});
