import assert from 'node:assert/strict';
import { checkTraits } from '../../../src/commands/projects/trait-rules.ts';
import type { TraitRequest } from '../../../src/models/projects/trait-request.ts';
import { UserError } from '../../../src/platform/failure.ts';

type Shares = [datasetId: number, percentage: number][];

function traits(given: Partial<Record<TraitRequest['trait_type'], Shares>>): TraitRequest[] {
  return Object.entries(given).map(([trait_type, shares]) => ({
    trait_type: trait_type as TraitRequest['trait_type'],
    datasets: shares.map(([dataset_id, percentage]) => ({ dataset_id, percentage })),
  }));
}

const ONE: Shares = [[1, 100]];

const REFUSED: [name: string, request: TraitRequest[], sentence: RegExp][] = [
  ['no trait', [], /traits is empty/],
  ['a trait twice', [...traits({ coding: ONE }), ...traits({ coding: [[2, 100]] })], /coding is given twice/],
  ['reasoning without a dataset', traits({ reasoning: [] }), /reasoning has no dataset; give it exactly one/],
  [
    'reasoning with two datasets',
    traits({
      reasoning: [
        [1, 50],
        [2, 50],
      ],
    }),
    /reasoning has 2 datasets; it takes exactly one/,
  ],
  [
    'coding with two datasets',
    traits({
      coding: [
        [1, 50],
        [2, 50],
      ],
    }),
    /coding has 2 datasets/,
  ],
  ['reasoning at 99 %', traits({ reasoning: [[1, 99]] }), /reasoning sum to 99 %; they must sum to exactly 100 %/],
  [
    'general tools without a dataset',
    traits({ general_tools: [] }),
    /general_tools has no dataset; give it at least one/,
  ],
  [
    'general tools at 99.999 %',
    traits({
      general_tools: [
        [1, 50],
        [2, 49.999],
      ],
    }),
    /sum to 99.999 %/,
  ],
  [
    'general tools at 100.001 %',
    traits({
      general_tools: [
        [1, 50],
        [2, 50.001],
      ],
    }),
    /sum to 100.001 %/,
  ],
  [
    'a dataset twice in a trait',
    traits({
      general_tools: [
        [1, 50],
        [1, 50],
      ],
    }),
    /Dataset 1 is used twice/,
  ],
  [
    'a dataset in two traits',
    traits({ reasoning: ONE, coding: ONE }),
    /Dataset 1 is used twice \(in reasoning and coding\)/,
  ],
  [
    'zero percent',
    traits({
      general_tools: [
        [1, 100],
        [2, 0],
      ],
    }),
    /percentage 0 of dataset 2 .* above 0/,
  ],
  [
    'a negative share',
    traits({
      general_tools: [
        [1, 110],
        [2, -10],
      ],
    }),
    /percentage 110 .* at most 100/,
  ],
  [
    'four decimals',
    traits({
      general_tools: [
        [1, 33.3333],
        [2, 66.6667],
      ],
    }),
    /33.3333 .* more than three decimals/,
  ],
];

describe('the rules for traits', () => {
  for (const [name, request, sentence] of REFUSED) {
    it(`refuse ${name}`, () => {
      assert.throws(
        () => checkTraits(request),
        (error) => error instanceof UserError && sentence.test(error.message),
      );
    });
  }

  it("take the reference's example, in thousandths", () => {
    const shares = checkTraits(
      traits({
        reasoning: ONE,
        coding: [[2, 100]],
        general_tools: [
          [3, 50],
          [4, 30],
          [5, 20],
        ],
      }),
    );
    assert.deepEqual(shares.at(-1)?.datasets, [
      { dataset_id: 3, percentage_thousandths: 50_000, filters: {} },
      { dataset_id: 4, percentage_thousandths: 30_000, filters: {} },
      { dataset_id: 5, percentage_thousandths: 20_000, filters: {} },
    ]);
  });

  it('add decimals exactly', () => {
    assert.equal(
      checkTraits(
        traits({
          general_tools: [
            [1, 33.3],
            [2, 33.3],
            [3, 33.4],
          ],
        }),
      ).length,
      1,
    );
    assert.equal(
      checkTraits(
        traits({
          general_tools: [
            [1, 0.1],
            [2, 0.2],
            [3, 99.7],
          ],
        }),
      ).length,
      1,
    );
  });
});
