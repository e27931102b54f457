import assert from 'node:assert/strict';
import type { SweepRun } from '../../../src/models/sweeps/sweep-runs.ts';
import { winnerOf } from '../../../src/models/sweeps/winner.ts';
import { sweepRun as run } from '../../support/sweeps.ts';

type OfTrait = [trait: string, loss: number, low: number, high: number];

const ofTrait = ([trait, loss, low, high]: OfTrait) => ({
  trait,
  tuned: { loss, perplexity: Math.exp(loss), exact_match: 0 },
  loss_difference: { mean: (low + high) / 2, low, high },
});

const published = (owner_id: number, ...traits: OfTrait[]): SweepRun =>
  run(owner_id, {}, { status: 'completed', validated: traits.map(ofTrait) });

describe('the winner of a sweep', () => {
  it('is the published model with the lowest loss, the first of equal ones', () => {
    assert.equal(winnerOf('job', [run(1, { 10: 0.1 }), run(2, {}, { status: 'failed' })]), null);
    const winner = winnerOf('job', [
      published(3, ['all', 1.25, -1, -0.9]),
      published(2, ['all', 1.25, -1.05, -0.95]),
      published(4, ['all', 1.5, -0.5, -0.4]),
    ]);
    assert.equal(winner?.owner_id, 2);
    assert.deepEqual(winner?.settings, { lora_r: 2 });
    // Let isToldApart compare means alone, and job 3 is told apart too.
    assert.deepEqual(winner?.not_told_apart, [3]);
    assert.match(
      String(winner?.sentence),
      /^Job 2 has the lowest held-out loss of 3 runs: 1\.250\. The next is job 3 with 1\.250\./,
    );
    assert.match(String(winner?.sentence), /do not tell it from job 3: the intervals of their losses overlap\.$/);
  });

  it('says which other run is better on a trait, and whether its rows tell them apart', () => {
    // Rank by all traits in traitWinner (src/models/sweeps/winner.ts), and project 1 is the best of each.
    const winner = winnerOf('project', [
      published(1, ['reasoning', 1, -2, -1.9], ['coding', 2, -1, -0.9]),
      published(2, ['reasoning', 3, -0.5, -0.4], ['coding', 1.5, -1.5, -1.4]),
      published(3, ['reasoning', 4, -0.1, 0], ['coding', 1.6, -1.45, -1.3]),
    ]);
    assert.equal(winner?.owner_id, 1);
    assert.deepEqual(winner?.traits, [
      { trait: 'reasoning', held_out_loss: 1, best: { owner_id: 1, held_out_loss: 1 }, not_told_apart: [] },
      { trait: 'coding', held_out_loss: 2, best: { owner_id: 2, held_out_loss: 1.5 }, not_told_apart: [3] },
    ]);
    assert.equal(
      winner?.sentence,
      'Project 1 has the lowest held-out loss of 3 runs: 1.500. The next is project 2 with 2.250. On coding project 2 has the lowest: 1.500, against 2.000.',
    );
  });

  it('says nothing of noise where the results have no intervals', () => {
    // Let boundsOf take a missing interval for [0, 0], and the other one is not told apart.
    const { loss_difference: _, ...old } = ofTrait(['all', 1, 0, 0]);
    const runs = [run(1, {}, { status: 'completed', validated: [old] }), published(2, ['all', 1.1, -1, 0])];
    assert.deepEqual(winnerOf('job', runs)?.not_told_apart, []);
  });
});
