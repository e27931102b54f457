import assert from 'node:assert/strict';
import { namedByCombination, percentagesOf } from '../../web/src/screens/new/sweep/percentages.ts';

describe('the mixtures of a form of a sweep', () => {
  it('have 100 % of each trait, of which the datasets without a percentage share what is left', () => {
    // Forget what is over in percentagesOf (web/src/screens/new/sweep/percentages.ts), and thirds make 99.999.
    assert.deepEqual(percentagesOf(['a', 'b', 'c'], {}), [33.334, 33.333, 33.333]);
    assert.deepEqual(percentagesOf(['a', 'b'], { b: ' 80.5' }), [19.5, 80.5]);
    assert.deepEqual(percentagesOf(['a', 'b'], { b: 'much' }), [100, 'much']);
    // Let less than nothing be left, and a percentage is refused that nobody typed.
    assert.deepEqual(percentagesOf(['a', 'b'], { b: '180' }), [0, 180]);
    // Take what was typed also of one alone, and what no field shows is refused.
    assert.deepEqual(percentagesOf(['b'], { b: '80' }), [100]);
  });

  it('are found by the combination that a refusal names', () => {
    // Take the first name that fits in namedByCombination, and the shorter one is meant.
    const find = (settings: string) =>
      namedByCombination(`Combination 2 (${settings}): Dataset 1 is too small.`, ['even', 'even, more']);
    assert.equal(find('mixture even, more, lora_r 8'), 1);
    assert.equal(find('mixture even'), 0);
    assert.equal(find('mixture evenly'), -1);
    assert.equal(namedByCombination('early_stop.rungs has step 9.', ['even', '']), -1);
  });
});
