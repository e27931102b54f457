import assert from 'node:assert/strict';
import { decideRung, whyStopped, winnerOf } from '../../../src/models/sweeps/halving.ts';
import type { SweepRun } from '../../../src/models/sweeps/sweep-runs.ts';

const run = (job_id: number, losses: Record<number, number>, others: Partial<SweepRun> = {}): SweepRun => ({
  job_id,
  name: `run ${job_id}`,
  settings: { lora_r: job_id },
  run_id: 100 + job_id,
  status: 'queued',
  phase: 'paused',
  progress: 50,
  current_step: 10,
  total_steps: 40,
  hold_step: 10,
  pause_reason: null,
  error_message: null,
  workflow_id: `job-${job_id}-run-1`,
  admitted_at: null,
  losses: Object.entries(losses).map(([step, loss]) => ({ step: Number(step), loss })),
  validated: null,
  ...others,
});

const published = (job_id: number, loss: number, low = -1, high = -0.9): SweepRun => {
  const tuned = { loss, perplexity: Math.exp(loss), exact_match: 0 };
  return run(job_id, {}, { status: 'completed', validated: [{ tuned, loss_difference: { mean: -0.95, low, high } }] });
};

describe('successive halving', () => {
  it('keeps the better half, rounded up; of equal losses the first', () => {
    // Leave `a.job_id - b.job_id` out of decideRung, and give the runs in another order: another one is kept.
    const runs = [run(5, { 10: 2 }), run(4, { 10: 1 }), run(3, { 10: 2 }), run(2, { 10: 3 }), run(1, { 10: 2 })];
    assert.deepEqual(decideRung(10, runs), {
      step: 10,
      losses: [
        { job_id: 4, loss: 1 },
        { job_id: 1, loss: 2 },
        { job_id: 3, loss: 2 },
        { job_id: 5, loss: 2 },
        { job_id: 2, loss: 3 },
      ],
      kept: [4, 1, 3],
      stopped: [5, 2],
    });
  });

  it('counts a run that has ended with its last loss, leaves out those that failed, and puts the unmeasured last', () => {
    const runs = [
      run(1, { 10: 0.1 }, { status: 'failed' }),
      run(2, { 5: 9 }),
      run(3, { 4: 5, 8: 1.5, 12: 0.1 }, { status: 'completed' }),
      run(4, { 10: 2 }),
      run(5, { 10: 0.2 }, { status: 'cancelled' }),
    ];
    const { losses, kept, stopped } = decideRung(10, runs);
    assert.deepEqual(losses, [
      { job_id: 3, loss: 1.5 },
      { job_id: 4, loss: 2 },
      { job_id: 2, loss: null },
    ]);
    assert.deepEqual([kept, stopped], [[3, 4], [2]]);
  });

  it('says why a run was stopped, with both losses', () => {
    const decision = decideRung(20, [run(1, { 20: 2.0999 }), run(2, { 20: 2.31 }), run(3, {})]);
    assert.deepEqual(decision.stopped, [3]);
    const two = decideRung(20, [run(1, { 20: 2.0999 }), run(2, { 20: 2.31 })]);
    assert.equal(
      whyStopped(two, 2, 7),
      'Stopped at step 20 by sweep 7: held-out loss 2.310, and the better half had at most 2.100.',
    );
    assert.equal(
      whyStopped(decision, 3, 7),
      'Stopped at step 20 by sweep 7: its held-out loss could not be measured there.',
    );
  });

  it('has for its winner the published model with the lowest loss, the first of equal ones', () => {
    assert.equal(winnerOf([run(1, { 10: 0.1 }), run(2, {}, { status: 'failed' })]), null);
    const winner = winnerOf([
      published(3, 1.25, -1, -0.9),
      published(2, 1.25, -1.05, -0.95),
      published(4, 1.5, -0.5, -0.4),
    ]);
    assert.equal(winner?.job_id, 2);
    assert.deepEqual(winner?.settings, { lora_r: 2 });
    // Let isToldApart compare means alone, and job 3 is told apart too.
    assert.deepEqual(winner?.not_told_apart, [3]);
    assert.match(
      String(winner?.sentence),
      /^Job 2 has the lowest held-out loss of 3 runs: 1\.250\. The next is job 3 with 1\.250\./,
    );
    assert.match(String(winner?.sentence), /do not tell it from job 3: the intervals of their losses overlap\.$/);
  });

  it('says nothing of noise where the results have no intervals', () => {
    const old = run(1, {}, { status: 'completed', validated: [{ tuned: { loss: 1, perplexity: 3, exact_match: 0 } }] });
    assert.deepEqual(winnerOf([old, published(2, 1.1)])?.not_told_apart, []);
  });
});
