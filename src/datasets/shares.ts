import { DatasetError } from './dataset-error.ts';

// With mixing-rule.ts, which has its version: a change of what comes out here is a new version there.

/** 100 % in thousandths of a percent. */
export const WHOLE = 100_000;

/**
 * What is done where a dataset has fewer rows than its share asks for:
 * - shrink: the trait gets fewer rows, at exact shares
 * - cap: the dataset gives what it has, and the shares drift
 * - oversample: its rows are repeated, up to a number of times
 * - error: the mixture is refused
 */
export const MIXING_POLICIES = ['shrink', 'cap', 'oversample', 'error'] as const;
export type MixingPolicy = (typeof MIXING_POLICIES)[number];

/** What a policy makes of a trait: rows of each dataset, and the place of the one that ran out, or -1. */
interface Allocation {
  shares: number[];
  limiting: number;
}

/** What a trait asks for, and what its datasets have. */
export interface Supply {
  trait: string;
  requested: number | null;
  /** Of each dataset: its id, rows that may be chosen for training, and its share of the trait. */
  ids: number[];
  available: number[];
  weights: number[];
  maxRepeats: number;
}

/** Rows for a trait, by what is done where a dataset has fewer than its share asks for. */
export const ALLOCATE: Record<MixingPolicy, (supply: Supply) => Allocation> = {
  shrink: (supply) => exactShares(supply, 1),
  oversample: (supply) => exactShares(supply, supply.maxRepeats),
  cap: ({ requested, available, weights }) => {
    if (requested === null) return { shares: available, limiting: -1 };
    const quotas = largestRemainder(requested, weights);
    const missing = quotas.map((quota, i) => quota - Math.min(quota, available[i] ?? 0));
    const most = Math.max(...missing);
    return {
      shares: quotas.map((quota, i) => quota - (missing[i] ?? 0)),
      limiting: most > 0 ? missing.indexOf(most) : -1,
    };
  },
  error: (supply) => {
    const allocation = exactShares(supply, 1);
    const { trait, requested, ids, available } = supply;
    if (requested !== null && allocation.limiting !== -1) {
      throw new DatasetError(
        `The trait ${trait} has rows for ${sum(allocation.shares)} of the ${requested} asked for: dataset ${ids[allocation.limiting]} has only ${available[allocation.limiting]}. Lower max_rows or its percentage, or choose the policy shrink, cap or oversample.`,
      );
    }
    return allocation;
  },
};

/** As many rows as every dataset can give at its share, when each of its rows may occur so often. */
function exactShares({ requested, available, weights }: Supply, repeats: number): Allocation {
  const most = available.map((rows, i) => rowsOfTrait(rows * repeats, weights[i] ?? WHOLE));
  const scarcest = Math.min(...most);
  // Without a bound, rows are repeated until the largest dataset is used up.
  const wanted = requested ?? Math.max(...available.map((rows, i) => rowsOfTrait(rows, weights[i] ?? WHOLE)));
  const isShort = requested === null ? scarcest <= wanted : scarcest < wanted;
  return {
    shares: largestRemainder(Math.min(wanted, scarcest), weights),
    limiting: isShort ? most.indexOf(scarcest) : -1,
  };
}

/** The most rows that a trait can have when one of its datasets gives `rows` at this share. */
function rowsOfTrait(rows: number, percentageThousandths: number): number {
  return Number((BigInt(rows) * BigInt(WHOLE)) / BigInt(percentageThousandths));
}

/** Splits `total` by weights into whole numbers: floors first, then one more to the largest remainders, earlier ones on ties. */
export function largestRemainder(total: number, weights: number[]): number[] {
  const whole = BigInt(sum(weights));
  const parts = weights.map((weight, index) => {
    const product = BigInt(total) * BigInt(weight);
    return { index, floor: Number(product / whole), remainder: product % whole };
  });
  const left = total - sum(parts.map(({ floor }) => floor));
  const first = [...parts].sort((a, b) =>
    a.remainder === b.remainder ? a.index - b.index : a.remainder < b.remainder ? 1 : -1,
  );
  const raised = new Set(first.slice(0, left).map(({ index }) => index));
  return parts.map(({ index, floor }) => floor + (raised.has(index) ? 1 : 0));
}

/** Of whole numbers. */
export function sum(numbers: number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
