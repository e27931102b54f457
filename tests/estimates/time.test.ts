import assert from 'node:assert/strict';
import { diskOf } from '../../src/estimates/disk.ts';
import { timeOf, trainedTokens } from '../../src/estimates/time.ts';
import { operationsOfToken } from '../../src/estimates/work.ts';
import { pairs, training } from './llama.ts';

describe('the time of a training of pairs', () => {
  it('is that of the tokens of both answers', () => {
    // Multiply the tokens by sequencesOfRow (trainedTokens in src/estimates/time.ts), or leave it out of work.ts, and these are others.
    assert.equal(trainedTokens(pairs(), 1), trainedTokens(training('lora'), 1));
    const twice = { ...training('lora'), lengths: { ...training('lora').lengths, examples: 200 } };
    assert.deepEqual(operationsOfToken(pairs()), operationsOfToken(twice));
  });

  it('begins with asking the base, but for orpo', () => {
    // Leave `referred` out of timeOf.
    const [sigmoid, orpo] = (['sigmoid', 'orpo'] as const).map((loss_type) => {
      const asked = pairs({ loss_type });
      return timeOf(asked, 1, diskOf(asked));
    });
    assert.ok(sigmoid && orpo && sigmoid.load > orpo.load);
    assert.deepEqual({ ...sigmoid, load: 0 }, { ...orpo, load: 0 });
  });
});
