import { DatasetError } from './dataset-error.ts';

/** Version of the rule below; a plan names it, so that it can be repeated. */
export const MIXING_VERSION = 1;

/** 100 % in thousandths of a percent. */
export const WHOLE = 100_000;

/** Held-out rows of a trait: a tenth of its rows, and not more than this. */
const MOST_HELD_OUT = 64;
const HELD_OUT_PART = 10;

export interface MixtureRequest {
  /** Upper bound of training rows; null takes as many as there are. */
  maxRows: number | null;
  traits: {
    trait: string;
    /** `rows`: the usable ones. Percentages of a trait sum to WHOLE. */
    datasets: { datasetId: number; rows: number; percentageThousandths: number }[];
  }[];
}

export interface DatasetShare {
  datasetId: number;
  percentageThousandths: number;
  /** Usable rows of the dataset. */
  rows: number;
  /** Kept apart for validation. */
  heldOut: number;
  /** Chosen for training. */
  allocated: number;
  /** allocated as a part of its trait's rows, in percent. */
  effectivePercent: number;
}

export interface TraitPlan {
  trait: string;
  /** The trait's equal part of max_rows; null without a bound. */
  requested: number | null;
  allocated: number;
  heldOut: number;
  /** The dataset whose rows ran out first, when that is why fewer rows than requested are allocated. */
  limitingDatasetId: number | null;
  datasets: DatasetShare[];
}

export interface MixturePlan {
  version: typeof MIXING_VERSION;
  policy: 'shrink';
  trainRows: number;
  heldOutRows: number;
  traits: TraitPlan[];
  warnings: string[];
}

/**
 * Mixing rule, version 1, policy shrink: the traits share max_rows equally; within a trait the shares are exact to the
 * row (largest remainder) and nothing repeats, so the scarcest dataset bounds the trait. Held-out rows are reserved first.
 * Whole numbers only: N = min(budget, min over datasets of floor(rows × 100 % / share)).
 * @throws DatasetError when a dataset has no usable row, or a bound leaves a dataset without one.
 */
export function planMixture(request: MixtureRequest): MixturePlan {
  const budgets = budgetsOf(request);
  const traits = request.traits.map((trait, i) => planTrait(trait, budgets[i] ?? null));
  const warnings = traits
    .filter(({ limitingDatasetId }) => limitingDatasetId !== null)
    .map(({ trait, requested, allocated, limitingDatasetId }) => {
      const asked = requested === null ? '' : ` of ${requested} asked for`;
      return `${trait}: ${allocated} rows${asked}; dataset ${limitingDatasetId} has no more at its share.`;
    });
  return {
    version: MIXING_VERSION,
    policy: 'shrink',
    trainRows: sum(traits.map(({ allocated }) => allocated)),
    heldOutRows: sum(traits.map(({ heldOut }) => heldOut)),
    traits,
    warnings,
  };
}

function budgetsOf({ maxRows, traits }: MixtureRequest): (number | null)[] {
  if (maxRows === null) return traits.map(() => null);
  return largestRemainder(
    maxRows,
    traits.map(() => 1),
  );
}

function planTrait({ trait, datasets }: MixtureRequest['traits'][number], requested: number | null): TraitPlan {
  for (const { datasetId, rows } of datasets) {
    if (rows === 0)
      throw new DatasetError(
        `Dataset ${datasetId} of the trait ${trait} has no usable row. Give it a mapping that fits its columns, or use another one.`,
      );
  }
  const weights = datasets.map(({ percentageThousandths }) => percentageThousandths);
  const heldOut = heldOutOf(datasets, weights);
  const most = datasets.map(({ rows, percentageThousandths }, i) =>
    Math.floor(((rows - (heldOut[i] ?? 0)) * WHOLE) / percentageThousandths),
  );
  const scarcest = Math.min(...most);
  const allocated = Math.min(requested ?? scarcest, scarcest);
  const limiting = requested === null || scarcest < requested ? datasets[most.indexOf(scarcest)] : undefined;
  const shares = largestRemainder(allocated, weights);
  return {
    trait,
    requested,
    allocated,
    heldOut: sum(heldOut),
    limitingDatasetId: limiting?.datasetId ?? null,
    datasets: datasets.map(({ datasetId, rows, percentageThousandths }, i) => ({
      datasetId,
      percentageThousandths,
      rows,
      heldOut: heldOut[i] ?? 0,
      allocated: shares[i] ?? 0,
      effectivePercent: allocated === 0 ? 0 : (100 * (shares[i] ?? 0)) / allocated,
    })),
  };
}

/** Held-out rows per dataset, by its share of the trait, and never more than a tenth of its own rows. */
function heldOutOf(datasets: { rows: number }[], weights: number[]): number[] {
  const wanted = Math.min(MOST_HELD_OUT, Math.floor(sum(datasets.map(({ rows }) => rows)) / HELD_OUT_PART));
  return largestRemainder(wanted, weights).map((share, i) =>
    Math.min(share, Math.floor((datasets[i]?.rows ?? 0) / HELD_OUT_PART)),
  );
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

function sum(numbers: number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
