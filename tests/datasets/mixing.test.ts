import assert from 'node:assert/strict';
import fc from 'fast-check';
import { DatasetError } from '../../src/datasets/dataset-error.ts';
import { type MixturePlan, type MixtureRequest, planMixture } from '../../src/datasets/mixing-rule.ts';
import { largestRemainder, MIXING_POLICIES, WHOLE } from '../../src/datasets/shares.ts';

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

  const ONE_SHORT: [rows: number, percent: number][] = [
    [1000, 50],
    [100, 50],
  ];

  it('says that rows ran out only where some are left or more were asked for', () => {
    assert.deepEqual(planMixture(request(null, [[100, 100]])).warnings, []);
    assert.deepEqual(planMixture(request(500, [[100, 100]])).warnings, [
      'trait 0: 90 rows of 500 asked for; dataset 1 has no more at its share.',
    ]);
    const scarce: [number, number][] = [
      [100, 50],
      [1000, 50],
    ];
    assert.deepEqual(planMixture(request(null, scarce)).warnings, [
      'trait 0: 180 rows; dataset 1 has no more at its share.',
    ]);
  });

  it('lets shares drift with the policy cap', () => {
    const plan = planMixture({ ...request(1000, ONE_SHORT), policy: 'cap' });
    const [trait] = plan.traits;
    assert.deepEqual(
      trait?.datasets.map(({ requested, allocated }) => [requested, allocated]),
      [
        [500, 500],
        [500, 90],
      ],
    );
    assert.equal(trait?.limitingDatasetId, 2);
    assert.deepEqual(plan.warnings, [
      'trait 0: 590 rows of 1000 asked for; dataset 2 has no more at its share.',
      'trait 0: dataset 1 is 84.7 % instead of 50 %.',
      'trait 0: dataset 2 is 15.3 % instead of 50 %.',
    ]);
  });

  it('repeats rows with the policy oversample, as often as it may', () => {
    const oversample = (maxRows: number | null, maxRepeats: number) =>
      planMixture({ ...request(maxRows, ONE_SHORT), policy: 'oversample', maxRepeats });
    assert.deepEqual(
      oversample(1000, 10).traits[0]?.datasets.map(({ allocated, repeats }) => [allocated, repeats]),
      [
        [500, 1],
        [500, 6],
      ],
    );
    assert.equal(oversample(1000, 3).trainRows, 2 * 3 * 90);
    // Without a bound: until the largest dataset is used up.
    assert.equal(oversample(null, 100).trainRows, 2 * 968);
  });

  it('refuses with the policy error, and names the dataset', () => {
    assert.throws(
      () => planMixture({ ...request(1000, ONE_SHORT), policy: 'error' }),
      /trait 0 has rows for 180 of the 1000 asked for: dataset 2 has only 90/,
    );
    assert.equal(planMixture({ ...request(180, ONE_SHORT), policy: 'error' }).trainRows, 180);
  });

  it('shares max_rows by the weights of traits', () => {
    const asked = request(100, [[1000, 100]], [[1000, 100]]);
    for (const [i, trait] of asked.traits.entries()) trait.weightThousandths = i === 0 ? 3000 : 1000;
    assert.deepEqual(
      planMixture(asked).traits.map(({ requested }) => requested),
      [75, 25],
    );
  });
});

const MOST_REPEATS = 5;

/** Shares that sum to 100 %, of datasets of some size. */
const traits = (most: { rows: number; datasets: number; traits: number }) =>
  fc
    .array(
      fc.record({
        weightThousandths: fc.integer({ min: 1, max: 5000 }),
        parts: fc.array(
          fc.record({ rows: fc.integer({ min: 1, max: most.rows }), part: fc.integer({ min: 1, max: 1000 }) }),
          {
            minLength: 1,
            maxLength: most.datasets,
          },
        ),
      }),
      { minLength: 1, maxLength: most.traits },
    )
    .map((found) => {
      let datasetId = 1;
      return found.map(({ weightThousandths, parts }, i) => {
        const cuts = largestRemainder(
          WHOLE - parts.length,
          parts.map(({ part }) => part),
        );
        const datasets = parts.map(({ rows }, d) => ({
          datasetId: datasetId++,
          rows,
          percentageThousandths: (cuts[d] ?? 0) + 1,
        }));
        return { trait: `trait ${i}`, weightThousandths, datasets };
      });
    });

const requests = (most: {
  rows: number;
  maxRows: number;
  datasets: number;
  traits: number;
}): fc.Arbitrary<MixtureRequest> =>
  fc.record({
    maxRows: fc.option(fc.integer({ min: 1, max: most.maxRows })),
    policy: fc.constantFrom(...MIXING_POLICIES),
    maxRepeats: fc.integer({ min: 2, max: MOST_REPEATS }),
    traits: traits(most),
  });
const REQUESTS = requests({ rows: 2_000_000_000, maxRows: 10_000_000, datasets: 8, traits: 5 });

/** The plan, or null where the policy error refuses. */
function planOf(asked: MixtureRequest): MixturePlan | null {
  try {
    return planMixture(asked);
  } catch (error) {
    assert.ok(error instanceof DatasetError && asked.policy === 'error');
    return null;
  }
}

function holds(property: (asked: MixtureRequest, plan: MixturePlan) => void, asked = REQUESTS): void {
  fc.assert(
    fc.property(asked, (one) => {
      const plan = planOf(one);
      if (plan) property(one, plan);
    }),
    { numRuns: 500 },
  );
}

const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0);

describe('the mixing rule, for any datasets', function () {
  this.timeout(120_000);

  it('has exact sums, within what was asked for', () => {
    holds(({ maxRows }, plan) => {
      assert.equal(plan.trainRows, sum(plan.traits.map(({ allocated }) => allocated)));
      assert.equal(plan.heldOutRows, sum(plan.traits.map(({ heldOut }) => heldOut)));
      for (const { allocated, heldOut, datasets } of plan.traits) {
        assert.equal(allocated, sum(datasets.map((share) => share.allocated)));
        assert.equal(heldOut, sum(datasets.map((share) => share.heldOut)));
      }
      if (maxRows !== null) {
        assert.ok(plan.trainRows <= maxRows);
        assert.equal(sum(plan.traits.map(({ requested }) => requested ?? 0)), maxRows);
      }
    });
  });

  it('never takes more rows than a dataset has, and repeats none unless asked to', () => {
    holds(({ policy, maxRepeats = 0 }, plan) => {
      for (const { rows, heldOut, allocated, repeats } of plan.traits.flatMap(({ datasets }) => datasets)) {
        assert.ok(allocated >= 0 && heldOut >= 0 && heldOut <= rows / 10);
        assert.ok(allocated <= (rows - heldOut) * (policy === 'oversample' ? maxRepeats : 1));
        assert.ok(repeats <= (policy === 'oversample' ? maxRepeats : 1));
      }
    });
  });

  it('keeps every share exact to the row, but with the policy cap', () => {
    holds(({ policy }, plan) => {
      for (const { allocated, datasets } of policy === 'cap' ? [] : plan.traits)
        for (const { allocated: rows, percentageThousandths } of datasets) {
          const difference = BigInt(rows) * BigInt(WHOLE) - BigInt(allocated) * BigInt(percentageThousandths);
          assert.ok(difference < BigInt(WHOLE) && difference > -BigInt(WHOLE));
        }
    });
  });

  it('is the same every time', () => {
    holds((asked, plan) => assert.deepEqual(planMixture(structuredClone(asked)), plan));
  });

  it('never gives fewer rows when more are asked for', () => {
    fc.assert(
      fc.property(REQUESTS, fc.integer({ min: 1, max: 1_000_000 }), (asked, more) => {
        const [fewer, most] = [asked.maxRows ?? 1, (asked.maxRows ?? 1) + more].map((maxRows) =>
          planOf({ ...asked, maxRows }),
        );
        if (fewer && most) assert.ok(most.trainRows >= fewer.trainRows);
      }),
    );
  });

  it('takes exactly the rows that trying every size and every split finds', () => {
    const small = requests({ rows: 60, maxRows: 80, datasets: 3, traits: 1 });
    holds(({ policy = 'shrink', maxRepeats = 0 }, plan) => {
      const [trait] = plan.traits;
      assert.ok(trait);
      if (policy === 'cap') return;
      const most = trait.datasets.map(
        ({ rows, heldOut }) => (rows - heldOut) * (policy === 'oversample' ? maxRepeats : 1),
      );
      const shares = trait.datasets.map(({ percentageThousandths }) => percentageThousandths);
      const once = trait.datasets.map(({ rows, heldOut }) => rows - heldOut);
      const size = trait.requested ?? largestSize(once, shares, (fits) => fits.some(Boolean));
      const found = Math.min(
        size,
        largestSize(most, shares, (fits) => fits.every(Boolean)),
      );
      assert.deepEqual(
        trait.datasets.map(({ allocated }) => allocated),
        closestSplit(found, shares),
      );
    }, small);
  });
});

/** The largest size at which a share of it is within the rows: of every dataset, or of some. */
function largestSize(rows: number[], shares: number[], within: (fits: boolean[]) => boolean): number {
  // The smallest share is 1 thousandth of a percent, of which a row is 100,000; so sizes are tried by halving.
  let low = 0;
  let high = 2 ** 40;
  while (high - low > 1) {
    const size = Math.floor((low + high) / 2);
    if (within(shares.map((share, i) => size * share <= (rows[i] ?? 0) * WHOLE))) low = size;
    else high = size;
  }
  return low;
}

/** Of all splits of a size into whole rows, the one that is closest to the shares; the earlier dataset first on a tie. */
function closestSplit(size: number, shares: number[]): number[] {
  const floors = shares.map((share) => Math.floor((size * share) / WHOLE));
  const splits = shares.reduce<number[][]>(
    (found, _share, i) => found.flatMap((split) => [1, 0].map((more) => [...split, (floors[i] ?? 0) + more])),
    [[]],
  );
  const distance = (split: number[]) => sum(split.map((rows, i) => (rows * WHOLE - size * (shares[i] ?? 0)) ** 2));
  return splits
    .filter((split) => sum(split) === size)
    .reduce((best, split) => (distance(split) < distance(best) ? split : best));
}
