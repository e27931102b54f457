import { randomIntegers } from '../../datasets/random.ts';
import {
  isWhole,
  MOST_RUNS,
  type Range,
  type Search,
  SWEPT_NAMES,
  type SweepSettings,
  type SweptName,
  type SweptValue,
} from '../../models/sweeps/search.ts';
import { UserError } from '../../platform/failure.ts';

export interface Combinations {
  /** Each once, in the order in which their runs begin. */
  settings: SweepSettings[];
  duplicatesDropped: number;
}

const UNIT = 2 ** 32;
/** Of a drawn number: more tells nobody anything. */
const DIGITS = 4;

/** What the runs of a sweep have each, the same for the same search everywhere. @throws UserError where there are too many */
export function combinationsOf(search: Search): Combinations {
  const all = search.method === 'grid' ? grid(search) : random(search);
  const once = new Map(all.map((settings) => [JSON.stringify(settings), settings]));
  return { settings: [...once.values()], duplicatesDropped: all.length - once.size };
}

/** As a person reads it: mixture even, learning_rate 0.0001, lora_r 8. */
export function settingsText(settings: SweepSettings): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`)
    .join(', ');
}

function grid({ hyperparameters = {}, mixtures }: Extract<Search, { method: 'grid' }>): SweepSettings[] {
  const swept = SWEPT_NAMES.flatMap((name) => {
    const values = hyperparameters[name];
    return values === undefined ? [] : [{ name, values }];
  });
  const named = mixtures === undefined ? [] : [{ name: 'mixture' as const, values: mixtures.map(({ name }) => name) }];
  const varied: { name: keyof SweepSettings; values: (SweptValue | string)[] }[] = [...named, ...swept];
  const count = varied.reduce((product, { values }) => product * values.length, 1);
  if (count > MOST_RUNS)
    throw new UserError(
      `search has ${count} combinations, and a sweep has at most ${MOST_RUNS} runs. Give fewer values, or choose method random with runs.`,
      { field: 'search' },
    );
  return varied.reduce<SweepSettings[]>(
    (before, { name, values }) => before.flatMap((settings) => values.map((value) => ({ ...settings, [name]: value }))),
    [{}],
  );
}

function random({
  hyperparameters = {},
  mixtures,
  runs,
  seed,
}: Extract<Search, { method: 'random' }>): SweepSettings[] {
  const below = randomIntegers(`sweep:${seed}`);
  const draw = (name: SweptName, values: SweptValue[] | Range) =>
    Array.isArray(values) ? values[below(values.length)] : drawBetween(values, below(UNIT) / UNIT, isWhole(name));
  return Array.from({ length: runs }, () => ({
    ...(mixtures === undefined ? {} : { mixture: mixtures[below(mixtures.length)]?.name ?? '' }),
    ...Object.fromEntries(
      SWEPT_NAMES.flatMap((name) => {
        const values = hyperparameters[name];
        return values === undefined ? [] : [[name, draw(name, values)]];
      }),
    ),
  }));
}

/** @param at from 0 to 1 */
function drawBetween({ min, max, scale }: Range, at: number, whole: boolean): number {
  // Each whole number has the same room, those at the ends as well.
  const [low, high] = whole && scale !== 'log' ? [min - 0.5, max + 0.5] : [min, max];
  const drawn =
    scale === 'log' ? Math.exp(Math.log(low) + at * (Math.log(high) - Math.log(low))) : low + at * (high - low);
  return Math.min(max, Math.max(min, whole ? Math.round(drawn) : Number(drawn.toPrecision(DIGITS))));
}
