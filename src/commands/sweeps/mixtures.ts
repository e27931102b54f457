import type { TraitRequest } from '../../models/projects/trait-request.ts';
import type { Mixture, Search } from '../../models/sweeps/search.ts';
import { UserError } from '../../platform/failure.ts';
import { checkTraits } from '../projects/trait-rules.ts';

/**
 * The mixtures of a search by their names, each with its traits and datasets in the order of the first: what is held out of them is in
 * that order. Empty where there are none.
 * @throws UserError where one is no mixture of a project, or has other datasets than the first
 */
export function mixturesOf({ mixtures = [] }: Search): Map<string, TraitRequest[]> {
  const [first] = mixtures;
  const byName = new Map<string, TraitRequest[]>();
  for (const [index, mixture] of mixtures.entries()) {
    const place = `search.mixtures.${index}`;
    if (byName.has(mixture.name))
      throw refused(
        `${place}.name`,
        `is ${JSON.stringify(mixture.name)}, as of an earlier one. Give each its own name.`,
      );
    requireTraits(place, mixture);
    byName.set(mixture.name, first === undefined ? mixture.traits : inOrderOf(first, mixture, place));
  }
  return byName;
}

function requireTraits(place: string, { name, traits }: Mixture): void {
  try {
    checkTraits(traits);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw refused(`${place}.traits`, `(${JSON.stringify(name)}): ${error.message}`, error);
  }
}

/** Only where all of them have the same rows to choose from are the same ones held out. */
function inOrderOf(first: Mixture, { name, traits }: Mixture, place: string): TraitRequest[] {
  const differs = (what: string) =>
    refused(
      `${place}.traits`,
      `(${JSON.stringify(name)}) ${what} than ${JSON.stringify(first.name)}. Mixtures of a sweep have the same traits with the same datasets and filters, so that the same rows are held out of all; let percentages and weights vary.`,
    );
  if (traits.length !== first.traits.length) throw differs('has other traits');
  return first.traits.map(({ trait_type, datasets }) => {
    const own = traits.find((trait) => trait.trait_type === trait_type);
    if (own === undefined) throw differs('has other traits');
    if (own.datasets.length !== datasets.length) throw differs(`has other datasets of ${trait_type}`);
    const ordered = datasets.map(({ dataset_id, filters }) => {
      const share = own.datasets.find((each) => each.dataset_id === dataset_id);
      if (share === undefined) throw differs(`has other datasets of ${trait_type}`);
      if (!isSame(filters, share.filters)) throw differs(`has other filters of dataset ${dataset_id}`);
      return share;
    });
    return { ...own, datasets: ordered };
  });
}

type Filters = TraitRequest['datasets'][number]['filters'];

function isSame(one: Filters = {}, other: Filters = {}): boolean {
  return (
    (one.drop_duplicates ?? false) === (other.drop_duplicates ?? false) && one.max_characters === other.max_characters
  );
}

function refused(field: string, rest: string, cause?: Error): UserError {
  return new UserError(`${field} ${rest}`, { field, cause });
}
