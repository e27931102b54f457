import assert from 'node:assert/strict';
import { combinationsOf, settingsText } from '../../../src/commands/sweeps/combinations.ts';
import { SearchSchema } from '../../../src/models/sweeps/search.ts';

const search = (asked: object) => SearchSchema.parse(asked);
const random = (hyperparameters: object, others: object = {}) =>
  combinationsOf(search({ method: 'random', runs: 60, ...others, hyperparameters })).settings;

describe('the combinations of a sweep', () => {
  it('of a grid are all of them, each once, in an order that the request does not change', () => {
    // Take the Map out of combinationsOf, and one of them is there twice.
    const one = combinationsOf(
      search({ method: 'grid', hyperparameters: { lora_r: [8, 16, 8], learning_rate: [1e-4, 2e-4] } }),
    );
    assert.deepEqual(one.settings, [
      { learning_rate: 1e-4, lora_r: 8 },
      { learning_rate: 1e-4, lora_r: 16 },
      { learning_rate: 2e-4, lora_r: 8 },
      { learning_rate: 2e-4, lora_r: 16 },
    ]);
    assert.equal(one.duplicatesDropped, 2);
    const other = search({ method: 'grid', hyperparameters: { learning_rate: [1e-4, 2e-4], lora_r: [8, 16] } });
    assert.deepEqual(combinationsOf(other).settings, one.settings);
  });

  it('that are drawn are the same for the same seed, lie between the ends, and reach both', () => {
    // Draw whole numbers between min and max as they are (low, high of drawBetween), and the ends come half as often.
    const varied = { learning_rate: { min: 1e-5, max: 1e-3, scale: 'log' }, lora_r: { min: 2, max: 4 } };
    const drawn = random(varied, { seed: 7 });
    assert.deepEqual(random(varied, { seed: 7 }), drawn);
    assert.notDeepEqual(random(varied, { seed: 8 }), drawn);
    const rates = drawn.map(({ learning_rate }) => learning_rate ?? 0);
    assert.ok(rates.every((rate) => rate >= 1e-5 && rate <= 1e-3));
    // By their logarithms, half of them are below the geometric mean; of a linear scale a tenth would be.
    const below = rates.filter((rate) => rate < 1e-4).length;
    assert.ok(below > 20 && below < 40, `${below} of ${rates.length}`);
    // Beside another setting, so that none is there twice.
    const beside = { lora_r: { min: 2, max: 4 }, learning_rate: { min: 0.1, max: 0.9 } };
    const ranks = random(beside, { runs: 100 }).map(({ lora_r }) => lora_r);
    assert.deepEqual([...new Set(ranks)].sort(), [2, 3, 4]);
    const between = ranks.filter((rank) => rank === 3).length;
    assert.ok(between > 23 && between < 43, `${between} of ${ranks.length} are in the middle`);
  });

  it('that are drawn twice are dropped, and counted', () => {
    // Count what is left as dropped (duplicatesDropped: once.size).
    const { settings, duplicatesDropped } = combinationsOf(
      search({ method: 'random', runs: 20, hyperparameters: { lora_r: [4, 8] } }),
    );
    assert.deepEqual([settings.length, duplicatesDropped], [2, 18]);
  });

  it('are not more than a sweep may have', () => {
    // Let MOST_RUNS (src/models/sweeps/search.ts) be 121.
    const values = Array.from({ length: 11 }, (_, nth) => nth + 1);
    assert.throws(
      () => combinationsOf(search({ method: 'grid', hyperparameters: { lora_r: values, epochs: values } })),
      /has 121 combinations, and a sweep has at most 100 runs/,
    );
  });

  it('have mixtures by their names, beside each setting', () => {
    // Take the mixtures out of grid (src/commands/sweeps/combinations.ts), or out of random, and no run has one.
    const mixture = (name: string) => ({ name, traits: [] });
    const mixtures = [mixture('even'), mixture('more code')];
    const all = combinationsOf(search({ method: 'grid', hyperparameters: { lora_r: [4, 8] }, mixtures })).settings;
    assert.deepEqual(all, [
      { mixture: 'even', lora_r: 4 },
      { mixture: 'even', lora_r: 8 },
      { mixture: 'more code', lora_r: 4 },
      { mixture: 'more code', lora_r: 8 },
    ]);
    const drawn = combinationsOf(search({ method: 'random', runs: 20, mixtures })).settings;
    assert.deepEqual(drawn.map(({ mixture }) => mixture).sort(), ['even', 'more code']);
  });

  it('are written as a person reads them', () => {
    // Write each value by String, and a list loses its brackets.
    assert.equal(
      settingsText({ learning_rate: 0.0001, use_dora: true, lora_target_modules: ['q_proj'] }),
      'learning_rate 0.0001, use_dora true, lora_target_modules ["q_proj"]',
    );
  });
});
