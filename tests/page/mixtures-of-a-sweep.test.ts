import assert from 'node:assert/strict';
import type { ShareDraft, TraitDraft } from '../../web/src/screens/new/draft.ts';
import { mixtureOf, newMixture, placeInMixtures } from '../../web/src/screens/new/sweep/mixtures.ts';

const share = (datasetId: number): ShareDraft => {
  return { key: `line ${datasetId}`, datasetId, thousandths: 1, isHeld: false, filters: {} };
};
const tools = (...ids: number[]): TraitDraft => ({ type: 'general_tools', weight: '', shares: ids.map(share) });
const code: TraitDraft = { type: 'coding', weight: '', shares: [share(9)] };

describe('the mixtures of a form of a sweep', () => {
  const percentages = (typed: Record<string, string>, traits: TraitDraft[], weights = {}) =>
    mixtureOf({ ...newMixture(), percentages: typed, weights }, traits, {}).traits.map(({ datasets, ...trait }) => [
      'weight' in trait ? trait.weight : null,
      ...datasets.map(({ percentage }) => percentage),
    ]);

  it('have 100 % of each trait, of which those without a percentage share what is left', () => {
    // Forget what is over in whatIsLeft (web/src/screens/new/sweep/mixtures.ts), and thirds make 99.999.
    assert.deepEqual(percentages({}, [tools(1, 2, 3), code]), [
      [null, 33.334, 33.333, 33.333],
      [null, 100],
    ]);
    assert.deepEqual(percentages({ 'line 2': '80.5' }, [tools(1, 2)]), [[null, 19.5, 80.5]]);
    assert.deepEqual(percentages({ 'line 2': 'much' }, [tools(1, 2)]), [[null, 100, 'much']]);
    // Send what was typed all the same (typedOf), and what no field shows is refused.
    assert.deepEqual(percentages({ 'line 2': '80' }, [tools(2)], { general_tools: 'x' }), [[null, 100]]);
    assert.deepEqual(percentages({}, [tools(2), code], { coding: '3' }), [
      [null, 100],
      [3, 100],
    ]);
  });

  it('are found by the refusal that names one, or its combination', () => {
    // Take the first name that fits in mixtureNamedIn, and the shorter one is meant; look for no dataset (shareIn), and none is marked.
    const mixtures = ['even', 'even, more'].map((name) => ({ ...newMixture(), name, key: name }));
    const place = (refusal: string) => placeInMixtures(refusal, { mixtures, traits: [tools(1, 2), code] });
    assert.equal(place('Combination 2 (mixture even, more, lora_r 8): dataset 1 is too small.'), 'mixture even, more');
    assert.equal(place('Combination 1 (mixture even): dataset 1 is too small.'), 'mixture even');
    assert.equal(place('search.mixtures.1.name is "even", as of an earlier one.'), 'mixture even, more name');
    assert.equal(
      place('search.mixtures.0.traits ("even"): percentage 0 of dataset 2 in general_tools must be above 0'),
      'mixture even line 2',
    );
    assert.equal(place('search.mixtures.0.traits.1.weight is "x": must be a number.'), 'mixture even coding');
    assert.equal(place('search.mixtures.0.traits ("even") has other traits than "even".'), 'mixture even');
    assert.equal(place('early_stop.rungs has step 9.'), null);
  });
});
