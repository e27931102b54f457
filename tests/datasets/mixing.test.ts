import assert from 'node:assert/strict';
import { DatasetError } from '../../src/datasets/dataset-error.ts';
import { largestRemainder, type MixtureRequest, planMixture, WHOLE } from '../../src/datasets/mixing.ts';
import { randomIntegers } from '../../src/datasets/random.ts';

function request(maxRows: number | null, ...traits: [rows: number, percent: number][][]): MixtureRequest {
  let datasetId = 1;
  return {
    maxRows,
    traits: traits.map((datasets, i) => ({
      trait: `trait ${i}`,
      datasets: datasets.map(([rows, percent]) => ({
        datasetId: datasetId++,
        rows,
        percentageThousandths: Math.round(percent * 1000),
      })),
    })),
  };
}

describe('the mixing rule, version 1', () => {
  it('is bounded by the scarcest dataset, with exact shares', () => {
    // A tenth of the 200 rows is held out by share (14 + 6, and 10 at most of each hundred): 90 and 94 are left.
    const [trait] = planMixture(
      request(null, [
        [100, 70],
        [100, 30],
      ]),
    ).traits;
    assert.deepEqual(
      trait?.datasets.map(({ heldOut }) => heldOut),
      [10, 6],
    );
    assert.equal(trait?.allocated, Math.floor((90 * 100) / 70));
    assert.deepEqual(
      trait?.datasets.map(({ allocated }) => allocated),
      [90, 38],
    );
    assert.equal(trait?.limitingDatasetId, 1);
  });

  it('shares max_rows equally among traits, the earlier ones first on a tie', () => {
    const plan = planMixture(
      request(
        100,
        [[1000, 100]],
        [[1000, 100]],
        [
          [1000, 50],
          [1000, 30],
          [1000, 20],
        ],
      ),
    );
    assert.deepEqual(
      plan.traits.map(({ allocated }) => allocated),
      [34, 33, 33],
    );
    assert.equal(plan.trainRows, 100);
    assert.deepEqual(plan.warnings, []);
  });

  it('splits 142 rows at 70 and 30 % into 99 and 43', () => {
    assert.deepEqual(largestRemainder(142, [70_000, 30_000]), [99, 43]);
  });

  it('refuses a dataset without rows', () => {
    assert.throws(() => planMixture(request(10, [[0, 100]])), DatasetError);
  });

  it('keeps sums exact, shares within a row, and every dataset within its rows', () => {
    const random = randomIntegers('mixing.test');
    for (let round = 0; round < 500; round++) {
      const count = 1 + random(4);
      const cuts = largestRemainder(
        WHOLE,
        Array.from({ length: count }, () => 1 + random(1000)),
      );
      const datasets = cuts.map((share): [number, number] => [1 + random(500), share / 1000]);
      const plan = planMixture(request(1 + random(1000), datasets));
      const [trait] = plan.traits;
      assert.ok(trait);
      assert.equal(
        trait.datasets.reduce((sum, { allocated }) => sum + allocated, 0),
        trait.allocated,
      );
      for (const { allocated, heldOut, rows, percentageThousandths } of trait.datasets) {
        assert.ok(allocated + heldOut <= rows, `round ${round}`);
        assert.ok(Math.abs(allocated - (trait.allocated * percentageThousandths) / WHOLE) < 1, `round ${round}`);
      }
    }
  });
});
