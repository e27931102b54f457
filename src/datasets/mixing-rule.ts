import { DatasetError } from './dataset-error.ts';
import { ALLOCATE, largestRemainder, type MixingPolicy, sum, WHOLE } from './shares.ts';

/** Version of the rule below; a plan names it, so that it can be repeated. */
export const MIXING_VERSION = 1;

/** A trait's weight where none is given, in thousandths. */
export const EQUAL_WEIGHT = 1000;

/** Held-out rows of a trait: a tenth of its rows, or those of a dataset that is held out as a whole; and not more than this. */
const MOST_HELD_OUT = 64;
const HELD_OUT_PART = 10;

/**
 * What is done about rows that are the same, or similar (see similar-rows.ts), in two datasets, or among the training and
 * the held-out rows:
 * - count: the plan says how many
 * - drop: a row that an earlier dataset has is left out before shares are computed, and a held-out row that resembles a
 *   training row is replaced by another
 * - ignore: nothing
 */
export const SIMILAR_ROWS_CHOICES = ['count', 'drop', 'ignore'] as const;
export type SimilarRowsChoice = (typeof SIMILAR_ROWS_CHOICES)[number];

/**
 * How many rows of each dataset of a trait are held out:
 * - by_share: as its share of the trait
 * - fixed: as many as of any other dataset of the trait, whatever its share. The same rows are held out then of all mixtures of these
 *   datasets, so that the losses of two of them compare; none of them is trained on in any.
 */
export const HELD_OUT_CHOICES = ['by_share', 'fixed'] as const;
export type HeldOutChoice = (typeof HELD_OUT_CHOICES)[number];

/** How often a row may occur with the policy oversample, where that is not said. */
export const DEFAULT_MAX_REPEATS = 4;

/** What is asked for, before it is known how many rows there are. */
export interface MixtureChoices {
  /** Upper bound of training rows; null takes as many as there are. */
  maxRows: number | null;
  policy?: MixingPolicy | undefined;
  maxRepeats?: number | undefined;
  /** Default: by_share. */
  heldOut?: HeldOutChoice | undefined;
  traits: TraitChoices[];
}

interface TraitChoices {
  trait: string;
  /** Its part of max_rows is this part of all traits' weights. */
  weightThousandths?: number | undefined;
  /** Percentages of a trait sum to WHOLE. */
  datasets: { datasetId: number; percentageThousandths: number }[];
  /** A dataset that the held-out rows come from, in place of a part of those above: all rows of these are trained on then. */
  heldOutFrom?: { datasetId: number } | undefined;
}

export interface MixtureRequest extends MixtureChoices {
  traits: TraitRequest[];
}

interface TraitRequest extends TraitChoices {
  /** `rows`: those that may be chosen. */
  datasets: (TraitChoices['datasets'][number] & { rows: number })[];
  heldOutFrom?: { datasetId: number; rows: number } | undefined;
}

/** The request for a mixture of datasets with so many rows, by their ids. */
export function requestFor({ traits, ...choices }: MixtureChoices, rows: Map<number, number>): MixtureRequest {
  const withRows = <Of extends { datasetId: number }>(of: Of) => ({ ...of, rows: rows.get(of.datasetId) ?? 0 });
  return {
    ...choices,
    traits: traits.map(({ datasets, heldOutFrom, ...trait }) => ({
      ...trait,
      datasets: datasets.map(withRows),
      heldOutFrom: heldOutFrom && withRows(heldOutFrom),
    })),
  };
}

export interface DatasetShare {
  datasetId: number;
  percentageThousandths: number;
  /** Rows of the dataset that may be chosen. */
  rows: number;
  /** Kept apart for validation. */
  heldOut: number;
  /** What its share of the trait's part of max_rows is; null without a bound. */
  requested: number | null;
  /** Chosen for training. */
  allocated: number;
  /** How often the row that occurs most often does; 1 unless the policy is oversample. */
  repeats: number;
  /** allocated as a part of its trait's rows, in percent. */
  effectivePercent: number;
}

export interface TraitPlan {
  trait: string;
  /** The trait's part of max_rows; null without a bound. */
  requested: number | null;
  allocated: number;
  heldOut: number;
  /** The dataset whose rows ran out first, when that is why fewer rows than requested are allocated. */
  limitingDatasetId: number | null;
  /** The dataset that its held-out rows come from: the last one below, of which none is trained on. Not there: each has a part of its own. */
  heldOutFrom?: number;
  datasets: DatasetShare[];
}

export interface MixturePlan {
  version: typeof MIXING_VERSION;
  policy: MixingPolicy;
  trainRows: number;
  heldOutRows: number;
  traits: TraitPlan[];
  warnings: string[];
}

/**
 * Mixing rule, version 1. The traits share max_rows by their weights; within a trait the shares are exact to the row
 * (largest remainder, fixed order on ties). With the policy shrink the scarcest dataset bounds the trait:
 * N = min(budget, min over datasets of floor(rows × 100 % / share)). Held-out rows are reserved first. Whole numbers only.
 * @throws DatasetError when a dataset has no row, or the policy error finds too few.
 */
export function planMixture(request: MixtureRequest): MixturePlan {
  const { policy = 'shrink', maxRepeats = DEFAULT_MAX_REPEATS, heldOut = 'by_share' } = request;
  const budgets = budgetsOf(request);
  const rule = { policy, maxRepeats, heldOut };
  const traits = request.traits.map((trait, i) => planTrait(trait, budgets[i] ?? null, rule));
  return {
    version: MIXING_VERSION,
    policy,
    trainRows: sum(traits.map(({ allocated }) => allocated)),
    heldOutRows: sum(traits.map(({ heldOut }) => heldOut)),
    traits,
    warnings: traits.flatMap(warningsOf),
  };
}

function budgetsOf({ maxRows, traits }: MixtureRequest): (number | null)[] {
  if (maxRows === null) return traits.map(() => null);
  return largestRemainder(
    maxRows,
    traits.map(({ weightThousandths = EQUAL_WEIGHT }) => weightThousandths),
  );
}

function planTrait(
  { trait, datasets, heldOutFrom }: TraitRequest,
  requested: number | null,
  { policy, maxRepeats, heldOut: chosen }: { policy: MixingPolicy; maxRepeats: number; heldOut: HeldOutChoice },
): TraitPlan {
  for (const { datasetId, rows } of datasets) {
    if (rows === 0)
      throw new DatasetError(
        `Dataset ${datasetId} of the trait ${trait} has no row to choose from. Give it a mapping that fits its columns, loosen its filters, or use another one.`,
      );
  }
  const ids = datasets.map(({ datasetId }) => datasetId);
  const weights = datasets.map(({ percentageThousandths }) => percentageThousandths);
  const heldOutWeights = chosen === 'fixed' ? weights.map(() => EQUAL_WEIGHT) : weights;
  const heldOut = heldOutFrom ? weights.map(() => 0) : heldOutOf(datasets, heldOutWeights);
  const available = datasets.map(({ rows }, i) => rows - (heldOut[i] ?? 0));
  const { shares, limiting } = ALLOCATE[policy]({ trait, requested, ids, available, weights, maxRepeats });
  const quotas = requested === null ? null : largestRemainder(requested, weights);
  const allocated = sum(shares);
  const plan = {
    trait,
    requested,
    allocated,
    heldOut: sum(heldOut),
    limitingDatasetId: datasets[limiting]?.datasetId ?? null,
    datasets: datasets.map(({ datasetId, rows, percentageThousandths }, i) => ({
      datasetId,
      percentageThousandths,
      rows,
      heldOut: heldOut[i] ?? 0,
      requested: quotas?.[i] ?? null,
      allocated: shares[i] ?? 0,
      repeats: Math.max(1, Math.ceil((shares[i] ?? 0) / (available[i] ?? 1))),
      effectivePercent: allocated === 0 ? 0 : (100 * (shares[i] ?? 0)) / allocated,
    })),
  };
  return heldOutFrom ? holdingOut(heldOutFrom, plan) : plan;
}

/** The plan of a trait with the rows of a dataset that are held out for it. @throws DatasetError when there is none, or it is trained on */
function holdingOut({ datasetId, rows }: { datasetId: number; rows: number }, plan: TraitPlan): TraitPlan {
  if (plan.datasets.some((share) => share.datasetId === datasetId))
    throw new DatasetError(
      `Dataset ${datasetId} of the trait ${plan.trait} cannot be both trained on and held out. Validate with another dataset, or with none: rows are held out of those to train on then.`,
    );
  if (rows === 0)
    throw new DatasetError(
      `Dataset ${datasetId}, which the trait ${plan.trait} is to be validated with, has no row to choose from. Give it a mapping that fits its columns, or validate with another one.`,
    );
  const heldOut = Math.min(rows, MOST_HELD_OUT);
  const requested = plan.requested === null ? null : 0;
  const none = { percentageThousandths: 0, requested, allocated: 0, repeats: 1, effectivePercent: 0 };
  const datasets = [...plan.datasets, { datasetId, rows, heldOut, ...none }];
  return { ...plan, heldOut, heldOutFrom: datasetId, datasets };
}

function warningsOf({ trait, requested, allocated, limitingDatasetId, heldOutFrom, datasets }: TraitPlan): string[] {
  const asked = requested === null ? '' : ` of ${requested} asked for`;
  const trained = datasets.filter(({ datasetId }) => datasetId !== heldOutFrom);
  const isAll = requested === null && trained.every(({ rows, heldOut, allocated }) => allocated === rows - heldOut);
  const short =
    limitingDatasetId === null || isAll
      ? []
      : [`${trait}: ${allocated} rows${asked}; dataset ${limitingDatasetId} has no more at its share.`];
  const repeated = datasets
    .filter(({ repeats }) => repeats > 1)
    .map(({ datasetId, repeats }) => `${trait}: rows of dataset ${datasetId} occur up to ${repeats} times.`);
  // A row is what an exact share may be off by.
  const drifted = datasets
    .filter(
      ({ allocated: rows, percentageThousandths }) =>
        Math.abs(rows * WHOLE - allocated * percentageThousandths) >= WHOLE,
    )
    .map(
      ({ datasetId, effectivePercent, percentageThousandths }) =>
        `${trait}: dataset ${datasetId} is ${effectivePercent.toFixed(1)} % instead of ${percentageThousandths / 1000} %.`,
    );
  const unused = datasets
    .filter(({ datasetId, rows, heldOut }) => datasetId === heldOutFrom && heldOut < rows)
    .map(
      ({ datasetId, rows, heldOut }) =>
        `${trait}: at most ${heldOut} of the ${rows} rows of dataset ${datasetId} are held out; the others are not used.`,
    );
  return [...short, ...repeated, ...drifted, ...unused];
}

/** Held-out rows per dataset, by its weight in the trait, and never more than a tenth of its own rows. */
function heldOutOf(datasets: { rows: number }[], weights: number[]): number[] {
  const wanted = Math.min(MOST_HELD_OUT, Math.floor(sum(datasets.map(({ rows }) => rows)) / HELD_OUT_PART));
  return largestRemainder(wanted, weights).map((share, i) =>
    Math.min(share, Math.floor((datasets[i]?.rows ?? 0) / HELD_OUT_PART)),
  );
}
