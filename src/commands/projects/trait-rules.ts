import type { RowFilters } from '../../datasets/row-filters.ts';
import { WHOLE } from '../../datasets/shares.ts';
import type { TraitRequest } from '../../models/projects/trait-request.ts';
import type { TraitType } from '../../models/projects/trait-types.ts';
import type { MixingChoices } from '../../models/runs/hyperparameter-choices.ts';
import type { RunSpec } from '../../models/runs/run-spec.ts';
import { UserError } from '../../platform/failure.ts';

export interface TraitShares {
  trait_type: TraitType;
  weight_thousandths: number;
  datasets: { dataset_id: number; percentage_thousandths: number; filters: RowFilters }[];
}

const MOST_WEIGHT = 1000;

/** Traits that take exactly one dataset. */
const SINGLE: readonly TraitType[] = ['reasoning', 'coding'];

/**
 * The rules of the reference for a project's traits; percentages become whole thousandths, so that sums are exact.
 * @throws UserError with a sentence that names trait, value and remedy.
 */
export function checkTraits(traits: TraitRequest[]): TraitShares[] {
  if (traits.length === 0)
    throw new UserError('traits is empty; give at least one of reasoning, coding, general_tools.');
  const seenTraits = new Set<TraitType>();
  const seenDatasets = new Map<number, TraitType>();
  return traits.map(({ trait_type, weight = 1, datasets }) => {
    if (seenTraits.has(trait_type))
      throw new UserError(`The trait ${trait_type} is given twice; put its datasets into one.`);
    seenTraits.add(trait_type);
    if (datasets.length === 0)
      throw new UserError(
        `The trait ${trait_type} has no dataset; give it ${SINGLE.includes(trait_type) ? 'exactly one' : 'at least one'}.`,
      );
    if (SINGLE.includes(trait_type) && datasets.length !== 1) {
      throw new UserError(`The trait ${trait_type} has ${datasets.length} datasets; it takes exactly one, at 100 %.`);
    }
    const shares = datasets.map(({ dataset_id, percentage, filters = {} }) => {
      const earlier = seenDatasets.get(dataset_id);
      if (earlier !== undefined)
        throw new UserError(
          `Dataset ${dataset_id} is used twice (in ${earlier} and ${trait_type}); a project takes a dataset once.`,
        );
      seenDatasets.set(dataset_id, trait_type);
      const what = `percentage ${percentage} of dataset ${dataset_id} in ${trait_type}`;
      return { dataset_id, percentage_thousandths: toThousandths(what, percentage, 100), filters };
    });
    const sum = shares.reduce((total, { percentage_thousandths }) => total + percentage_thousandths, 0);
    if (sum !== WHOLE)
      throw new UserError(
        `The percentages of the trait ${trait_type} sum to ${sum / 1000} %; they must sum to exactly 100 %.`,
      );
    const weight_thousandths = toThousandths(`weight ${weight} of the trait ${trait_type}`, weight, MOST_WEIGHT);
    return { trait_type, weight_thousandths, datasets: shares };
  });
}

/** @throws UserError where two choices of how rows are mixed contradict each other */
export function checkMixing({ held_out, similar_rows }: MixingChoices = {}): void {
  if (held_out !== 'fixed' || similar_rows !== 'drop') return;
  throw new UserError(
    'mixing.similar_rows is "drop", and mixing.held_out is "fixed": which held-out rows resemble a training row depends on the shares, so they would not be the same. Choose similar_rows "count" or "ignore".',
    { field: 'mixing.similar_rows' },
  );
}

function toThousandths(what: string, value: number, most: number): number {
  const thousandths = Math.round(value * 1000);
  // What a decimal with three places differs from its nearest double by is far below this.
  if (Math.abs(value * 1000 - thousandths) > 1e-6)
    throw new UserError(`${what} has more than three decimals; round it.`);
  if (thousandths < 1 || thousandths > most * 1000) throw new UserError(`${what} must be above 0 and at most ${most}.`);
  return thousandths;
}

export function datasetIdsOf(shares: TraitShares[]): number[] {
  return shares.flatMap(({ datasets }) => datasets.map(({ dataset_id }) => dataset_id));
}

/** As run files have them. */
export function traitsOfSpec(shares: TraitShares[]): RunSpec['traits'] {
  return shares.map(({ trait_type, ...trait }) => ({ trait: trait_type, ...trait }));
}
