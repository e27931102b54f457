type List = (number | null)[];

const FIGURES = [
  'step',
  'tokens',
  'active_s',
  'loss',
  'loss_min',
  'loss_max',
  'without_loss',
  'learning_rate',
  'grad_norm',
  'grad_norm_max',
  'reward_margin',
  'reward_accuracy',
  'tokens_per_s',
  'memory_bytes',
] as const;
export type FigureName = (typeof FIGURES)[number];

/** What was measured in the steps of a run, or in buckets of them: a list for each figure, all of the same length. */
export type Figures = Record<FigureName, List>;

/** By what curves are laid over each other. */
export const PLACES = { step: 'step', tokens: 'tokens', time: 'active_s' } as const;
export type AxisName = keyof typeof PLACES;

/** `full` with `part` in place of what it has of the same steps. */
export function withPart(full: Figures, part: Figures): Figures {
  const [first, last] = [part.step[0], part.step.at(-1)];
  if (typeof first !== 'number' || typeof last !== 'number') return full;
  const before = full.step.filter((step) => step !== null && step < first).length;
  const behind = full.step.filter((step) => step !== null && step <= last).length;
  const joined = (name: FigureName) => [...full[name].slice(0, before), ...part[name], ...full[name].slice(behind)];
  return Object.fromEntries(FIGURES.map((name) => [name, joined(name)])) as Figures;
}

/** The first and the last step within a part of the axis, and one more on either side; null where there is none. */
export function stepsWithin(figures: Figures, axis: AxisName, [from, to]: [number, number]): [number, number] | null {
  const places = figures[PLACES[axis]];
  const isWithin = (place: number | null) => place !== null && place >= from && place <= to;
  const [first, last] = [places.findIndex(isWithin), places.findLastIndex(isWithin)];
  if (first === -1) return null;
  const before = figures.step[first - 1] ?? 0;
  return [before + 1, figures.step[last + 1] ?? figures.step[last] ?? before + 1];
}

/** The values of a figure where they have a place on the axis. Runs of early versions have no counts of tokens. */
export function placesOf(figures: Figures, axis: AxisName): { x: number[]; values: (name: FigureName) => List } {
  const places = figures[PLACES[axis]];
  const isThere = places.map((place) => place !== null);
  return {
    x: places.filter((place) => place !== null),
    values: (name) => figures[name].filter((_, index) => isThere[index]),
  };
}
