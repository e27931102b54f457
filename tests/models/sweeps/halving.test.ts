import assert from 'node:assert/strict';
import { decideRung, whyStopped } from '../../../src/models/sweeps/halving.ts';
import { sweepRun as run } from '../../support/sweeps.ts';

describe('successive halving', () => {
  it('keeps the better half, rounded up; of equal losses the first', () => {
    // Leave `a.owner_id - b.owner_id` out of decideRung, and give the runs in another order: another one is kept.
    const runs = [run(5, { 10: 2 }), run(4, { 10: 1 }), run(3, { 10: 2 }), run(2, { 10: 3 }), run(1, { 10: 2 })];
    assert.deepEqual(decideRung(10, runs), {
      step: 10,
      losses: [
        { owner_id: 4, loss: 1 },
        { owner_id: 1, loss: 2 },
        { owner_id: 3, loss: 2 },
        { owner_id: 5, loss: 2 },
        { owner_id: 2, loss: 3 },
      ],
      kept: [4, 1, 3],
      stopped: [5, 2],
    });
  });

  it('counts a run that has ended with its last loss, leaves out those that failed, and puts the unmeasured last', () => {
    // Let lossAt (src/models/sweeps/sweep-runs.ts) ask for the very step of a completed run as well, or take the filter out of decideRung.
    const runs = [
      run(1, { 10: 0.1 }, { status: 'failed' }),
      run(2, { 5: 9 }),
      run(3, { 4: 5, 8: 1.5, 12: 0.1 }, { status: 'completed' }),
      run(4, { 10: 2 }),
      run(5, { 10: 0.2 }, { status: 'cancelled' }),
    ];
    const { losses, kept, stopped } = decideRung(10, runs);
    assert.deepEqual(losses, [
      { owner_id: 3, loss: 1.5 },
      { owner_id: 4, loss: 2 },
      { owner_id: 2, loss: null },
    ]);
    assert.deepEqual([kept, stopped], [[3, 4], [2]]);
  });

  it('says why a run was stopped, with both losses', () => {
    // Take the bar of whyStopped from the first loss that was stopped (losses[kept.length]).
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
});
