import { randomIntegers } from '../../src/datasets/random.ts';

/** Where in a run's life a fault hits it: progress that can be observed, never a time. In the order of that life. */
export const MOMENTS = ['created', 'queued', 'loading', 'step', 'exporting', 'validating'] as const;
export type When = (typeof MOMENTS)[number];

export interface Moment {
  when: When;
  /** Of `step`: at so many percent of all steps, or later. */
  percent: number;
}

/** What the schedule must know of a fault. */
export interface Plannable {
  name: string;
  moments: readonly When[];
  /** So many times as likely as others (default 1). */
  weight?: number;
  /** Its trainer fails by itself: three of those without a checkpoint in between end a run, as they should. */
  crashesTrainer?: boolean;
  /** Ends the run, so that nothing can follow. */
  ends?: boolean;
}

export interface PlannedFault {
  name: string;
  moment: Moment;
  /** Does not wait until the run has got over the fault before. */
  soon: boolean;
  /** 0 to 9999: what a fault decides by itself (which host, how many seconds, which file). */
  dice: number;
  /** Of a sweep: the file call that it is about. */
  site?: string;
}

export interface CasePlan {
  index: number;
  spec: string;
  faults: PlannedFault[];
  /** What happens beside it: drawn by itself, so that the faults of a seed stay what they are. */
  beside?: PlannedFault;
}

const MOST_CRASHES = 2;
const MOST_TRIES = 1_000;
/** Later in training, a run that is over the fault before has ended its training as well. */
const LATEST_PERCENT = 75;
/** One fault in so many does not wait for the recovery from the one before. */
const SOON_ONE_IN = 4;

/** The schedule of one run. A pure function: the same seed and index give the same schedule, however many runs there are. */
export function planCase(
  seed: string,
  index: number,
  faults: readonly Plannable[],
  specs: readonly string[],
): CasePlan {
  const below = randomIntegers(`chaos ${seed} ${index}`);
  const pick = <T>(items: readonly T[]): T => {
    const item = items[below(items.length)];
    if (item === undefined) throw new Error('There is nothing to pick from.');
    return item;
  };
  const spec = pick(specs);
  const count = 2 + below(2);
  const lots = faults.flatMap((fault) => Array.from({ length: fault.weight ?? 1 }, () => fault));
  const picked: Plannable[] = [];
  // Of few kinds, as many as go together.
  for (let tries = 0; picked.length < count && tries < MOST_TRIES; tries++) {
    const fault = pick(lots);
    const crashes = picked.filter(({ crashesTrainer }) => crashesTrainer).length;
    if (fault.crashesTrainer && crashes >= MOST_CRASHES) continue;
    // Few runs are to be cancelled: what is to be proved is how the others end.
    if (fault.ends && (picked.some(({ ends }) => ends) || below(3) > 0)) continue;
    picked.push(fault);
  }
  const planned = picked.map((fault) => ({
    fault,
    moment: { when: pick(fault.moments), percent: 5 + below(LATEST_PERCENT - 5) },
    dice: below(10_000),
    soon: below(SOON_ONE_IN) === 0,
  }));
  planned.sort((a, b) => Number(a.fault.ends ?? false) - Number(b.fault.ends ?? false) || compare(a.moment, b.moment));
  return {
    index,
    spec,
    faults: planned.map(({ fault, moment, dice, soon }, place) => {
      const before = planned[place - 1]?.moment ?? moment;
      // What ends the run comes last, at its own moment or at that of the fault before.
      return { name: fault.name, moment: compare(before, moment) > 0 ? before : moment, soon: place > 0 && soon, dice };
    }),
  };
}

/** What happens beside a run: one thing, at a moment of its life. Of two runs that follow, each has another. */
export function planBeside(seed: string, index: number, besides: readonly Plannable[]): PlannedFault | undefined {
  const below = randomIntegers(`chaos ${seed} ${index}, beside`);
  const beside = besides[index % besides.length];
  const when = beside?.moments[below(beside.moments.length)];
  if (!beside || when === undefined) return undefined;
  return {
    name: beside.name,
    moment: { when, percent: 5 + below(LATEST_PERCENT - 5) },
    soon: true,
    dice: below(10_000),
  };
}

function compare(a: Moment, b: Moment): number {
  return rankOf(a) - rankOf(b);
}

/** A number that grows along a run's life. */
export function rankOf({ when, percent }: Moment): number {
  return MOMENTS.indexOf(when) + (when === 'step' ? percent / 100 : 0);
}

/** `step 42 %`, `validating`. */
export function nameOf({ when, percent }: Moment): string {
  return when === 'step' ? `step ${percent} %` : when;
}
