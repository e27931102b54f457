import assert from 'node:assert/strict';
import { Run } from '../../../src/models/runs/run.ts';
import { RunEvent } from '../../../src/models/runs/run-event.ts';
import { type ApiOnly, startTestApi } from '../../support/api.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { buildRun } from '../../support/runs.ts';

interface Curves {
  run_number: number;
  steps: number;
  steps_per_bucket: number;
  buckets: Record<string, (number | string | null)[]>;
  evals: { step: number; trait: string | null; loss: number | null; tokens: number | null; active_s: number }[];
  attempts: Record<string, unknown>[];
}

describe('the curves of a run', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let api: ApiOnly;

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database);
  });

  after(async () => {
    await api?.close();
    await database?.remove();
  });

  async function addSteps(run: Run, first: number, last: number, epoch: number, loss = '1.0 / step'): Promise<void> {
    await database.sequelize.query(
      `INSERT INTO run_metrics (run_id, lease_epoch, step, epoch, loss, learning_rate, grad_norm, tokens, tokens_per_s)
       SELECT ${run.id}, ${epoch}, step, step / 100.0, ${loss}, 0.001, 0.5, step * 10, 100 FROM generate_series(${first}, ${last}) AS step`,
    );
  }

  async function curvesOf(run: Run, query = ''): Promise<Curves> {
    const { status, body } = await api.call('GET', `/jobs/${run.job_id}/curves${query}`);
    assert.equal(status, 200, JSON.stringify(body));
    return body as unknown as Curves;
  }

  it('are empty before the first step', async () => {
    const { steps, buckets, attempts } = await curvesOf(await buildRun(database));
    assert.deepEqual([steps, buckets.step, attempts], [0, [], []]);
  });

  it('have every step while few enough, and then buckets that keep extremes and stay the same', async () => {
    const run = await buildRun(database);
    await addSteps(run, 1, 1_000, 1, 'CASE WHEN step = 333 THEN 99 WHEN step = 777 THEN NULL ELSE 1.0 / step END');
    const all = await curvesOf(run, '?points=1000');
    assert.equal(all.steps_per_bucket, 1);
    assert.equal(all.buckets.step?.length, 1_000);
    const few = await curvesOf(run, '?points=70');
    assert.equal(few.steps_per_bucket, 16);
    assert.equal(few.buckets.step?.length, 63);
    assert.equal(Math.max(...(few.buckets.loss_max as number[])), 99, 'a peak of one step is not averaged away');
    assert.equal(
      (few.buckets.without_loss as number[]).reduce((a, b) => a + b),
      1,
      'a loss that was no number is counted',
    );
    await addSteps(run, 1_001, 1_010, 1);
    const later = await curvesOf(run, '?points=70');
    assert.deepEqual(later.buckets.loss?.slice(0, 62), few.buckets.loss?.slice(0, 62));
  });

  it('show the steps that were asked for, one by one where they fit', async () => {
    const run = await buildRun(database);
    await addSteps(run, 1, 5_000, 1);
    const part = await curvesOf(run, '?from_step=2001&to_step=2100&points=200');
    assert.equal(part.steps, 5_000);
    assert.equal(part.steps_per_bucket, 1);
    assert.deepEqual([part.buckets.step?.[0], part.buckets.step?.at(-1)], [2_001, 2_100]);
  });

  it('are one axis over all attempts, and say who did which steps and why an attempt ended', async () => {
    const run = await buildRun(database);
    // Steps 41 to 50 of the first claim were done again by the second.
    await addSteps(run, 1, 40, 1);
    await addSteps(run, 41, 90, 2);
    const claim = (lease_epoch: number, worker_id: string) => ({ status: 'running', lease_epoch, worker_id });
    for (const data of [
      claim(1, 'worker-a'),
      { status: 'queued', reason: 'worker_lost', lease_epoch: 1, worker_id: 'worker-a' },
      claim(2, 'worker-b'),
    ])
      await RunEvent.create({ run_id: run.id, kind: 'status', data });
    const { attempts } = await curvesOf(run);
    assert.deepEqual(
      attempts.map(({ began_at: _, ended_at: __, ...attempt }) => attempt),
      [
        {
          run_number: 1,
          lease_epoch: 1,
          worker_id: 'worker-a',
          first_step: 1,
          last_step: 40,
          interruption: 'worker-a was lost: it did not renew its lease in time.',
        },
        { run_number: 1, lease_epoch: 2, worker_id: 'worker-b', first_step: 41, last_step: 90, interruption: null },
      ],
    );
  });

  it('begin with the steps of the run that a run goes on from, up to where it went on', async () => {
    const first = await buildRun(database);
    await addSteps(first, 1, 60, 1);
    await RunEvent.create({ run_id: first.id, kind: 'eval', data: { step: 0, trait: null, loss: 3 } });
    await RunEvent.create({ run_id: first.id, kind: 'eval', data: { step: 60, trait: null, loss: 2 } });
    await first.update({ status: 'cancelled', finished_at: new Date() });
    const { id: _, number: __, workflow_id: ___, ...same } = first.get();
    const again = await Run.create({
      ...same,
      number: 2,
      workflow_id: `job-${first.job_id}-run-2`,
      resumes_run_id: first.id,
    });
    await addSteps(again, 41, 80, 1, '0.5');
    const { run_number, steps, buckets, evals, attempts } = await curvesOf(again);
    assert.deepEqual([run_number, steps, buckets.step?.length], [2, 80, 80]);
    assert.deepEqual([buckets.loss?.[39], buckets.loss?.[40]], [1 / 40, 0.5]);
    assert.deepEqual(
      evals,
      [{ step: 0, trait: null, loss: 3, tokens: 0, active_s: 0 }],
      'what was measured at a step that was done again is not shown',
    );
    assert.deepEqual(
      attempts.map(({ run_number: number, first_step, last_step }) => [number, first_step, last_step]),
      [
        [1, 1, 40],
        [2, 41, 80],
      ],
    );
  });

  /** As a claim began or ended, and as its steps were written: at seconds after nine o'clock. */
  const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 9, 0, second));
  const told = (run: Run, second: number, data: Record<string, unknown>) =>
    RunEvent.create({ run_id: run.id, kind: 'status', data, created_at: at(second) });
  async function written(run: Run, second: number, first: number, last: number, epoch: number): Promise<void> {
    await addSteps(run, first, last, epoch);
    await database.sequelize.query(
      `UPDATE run_metrics SET created_at = '${at(second).toISOString()}' WHERE run_id = ${run.id} AND step BETWEEN ${first} AND ${last}`,
    );
  }

  it('have the time of training alone: an hour between two attempts does not count', async () => {
    // Add no first_s in secondsAt of src/models/runs/active-time.ts, or take all of an attempt's time from the first attempt's beginning, and it fails.
    const run = await buildRun(database);
    // 10 tokens a step, 100 a second: what an attempt's first ten steps take is in no other time.
    await written(run, 100, 1, 10, 1);
    await written(run, 110, 11, 20, 1);
    await told(run, 130, { status: 'queued', reason: 'worker_lost', lease_epoch: 1 });
    await told(run, 3_700, { status: 'running', lease_epoch: 2 });
    await written(run, 3_750, 21, 30, 2);
    await written(run, 3_760, 31, 40, 2);
    await RunEvent.create({ run_id: run.id, kind: 'eval', data: { step: 20, trait: null, loss: 2 } });
    const { buckets, evals } = await curvesOf(run);
    const seconds = [10, 15, 20, 30, 40].map((step) => buckets.active_s?.[step - 1]);
    assert.deepEqual(seconds, [1, 6, 11, 12, 22], 'steps that were written together share their time');
    assert.deepEqual(evals, [{ step: 20, trait: null, loss: 2, tokens: 200, active_s: 11 }]);
    const few = await curvesOf(run, '?from_step=17&to_step=40&points=2');
    assert.deepEqual(
      [few.buckets.step, few.buckets.active_s],
      [
        [32, 40],
        [21.2, 22],
      ],
    );
  });

  it('take steps that a later claim made good for no later than the end of their own', async () => {
    // Take Math.min out of secondsAt in src/models/runs/active-time.ts, and the wait for the next claim counts.
    const run = await buildRun(database);
    await written(run, 100, 1, 10, 1);
    await told(run, 150, { status: 'queued', reason: 'worker_lost', lease_epoch: 1 });
    await told(run, 500, { status: 'running', lease_epoch: 2 });
    await written(run, 510, 11, 20, 1);
    await written(run, 520, 21, 30, 2);
    const { buckets } = await curvesOf(run);
    assert.deepEqual(
      [10, 20, 30].map((step) => buckets.active_s?.[step - 1]),
      [1, 51, 52],
    );
  });
});
