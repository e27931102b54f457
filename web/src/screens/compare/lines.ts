import { axisOf, placed } from '../../parts/chart/joined.ts';
import type { Line, Mark } from '../../parts/chart/line.ts';
import { smoothedLines } from '../../parts/chart/smoothed-lines.ts';
import type { Values } from '../../parts/chart/smoothing.ts';
import { type Interruption, sentenceOf } from '../../parts/runs/interruptions.ts';
import { type AxisName, type FigureName, type Figures, PLACES, placesOf } from './figures.ts';
import type { Look } from './looks.ts';

/** A run as it is drawn. */
export interface DrawnRun extends Look {
  label: string;
  /** As planned; null: not known yet. */
  totalSteps: number | null;
  figures: Figures;
  evals: { step: number; tokens: number | null; active_s: number; trait: string | null; loss: number | null }[];
  interruptions: Interruption[];
}

/** Lines of several runs on one axis. */
export interface Drawn {
  x: number[];
  lines: Line[];
}

interface Series extends Omit<Line, 'values' | 'band'> {
  places: number[];
  values: Values;
  band?: { low: Values; high: Values };
}

/** A figure of each run. `range`: between which two others each of its values lies. */
export function linesOf(
  runs: DrawnRun[],
  axis: AxisName,
  figure: FigureName,
  range?: [low: FigureName, high: FigureName],
): Drawn {
  return joined(
    runs,
    axis,
    runs.map(({ figures, label, color, dash }) => {
      const { x: places, values } = placesOf(figures, axis);
      const band = range === undefined ? {} : { band: { low: values(range[0]), high: values(range[1]) } };
      return { label, color, dash, places, values: values(figure), ...band };
    }),
  );
}

/** Train losses, smoothed in front of what they were. `halfLife`: in units of the axis. */
export function lossLines(runs: DrawnRun[], axis: AxisName, halfLife: number): Drawn {
  return joined(
    runs,
    axis,
    runs.flatMap(({ figures, label, color, dash }) => {
      const { x: places, values } = placesOf(figures, axis);
      const measured = { values: values('loss'), band: { low: values('loss_min'), high: values('loss_max') } };
      return smoothedLines({ label, color, dash }, places, measured, halfLife);
    }),
  );
}

/** Held-out losses of a trait; null: over all traits. They are measured at few steps. */
export function heldOutLines(runs: DrawnRun[], axis: AxisName, trait: string | null): Drawn {
  return joined(
    runs,
    axis,
    runs.flatMap(({ evals, label, color, dash }) => {
      const own = evals.filter((each) => each.trait === trait);
      const at = own.map((each) => each[PLACES[axis]]);
      if (own.length === 0) return [];
      return [
        {
          label,
          color,
          dash,
          sparse: true,
          places: at.filter((place) => place !== null),
          values: own.filter((_, index) => at[index] !== null).map(({ loss }) => loss),
        },
      ];
    }),
  );
}

/** The traits of which held-out losses differ from those over all of them: of one trait alone they are the same. */
export function traitsOf(runs: DrawnRun[]): string[] {
  const traits = new Set(runs.flatMap(({ evals }) => evals.flatMap(({ trait }) => trait ?? [])));
  return traits.size < 2 ? [] : [...traits].sort();
}

/** Where on the axis a train loss is no number. A run that learns nothing (rag) has none. */
export function brokenOf(runs: DrawnRun[], axis: AxisName): number[] {
  return runs.flatMap(({ figures }) => {
    if (figures.loss.every((value) => value === null)) return [];
    const { x, values } = placesOf(figures, axis);
    const missing = values('without_loss');
    return x.filter((_, index) => (missing[index] ?? 0) > 0);
  });
}

/** Where each run was interrupted, in its colour: at the last step before, where that has a place on the axis. */
export function marksOf(runs: DrawnRun[], axis: AxisName): Mark[] {
  return runs.flatMap(({ figures, interruptions, label, color }) =>
    interruptions.flatMap((interruption) => {
      const last = figures.step.findLastIndex((step) => step !== null && step < interruption.step);
      const x = axis === 'step' ? interruption.step - 0.5 : (figures[PLACES[axis]][last] ?? null);
      return x === null ? [] : [{ x, color, label: `${label}, ${lowered(sentenceOf(interruption))}` }];
    }),
  );
}

/** A sentence as the rest of another one. */
function lowered(sentence: string): string {
  return sentence.charAt(0).toLowerCase() + sentence.slice(1);
}

/** All of them from the same beginning to the same end, whatever is drawn: so that cursors show the same place in all charts. */
function joined(runs: DrawnRun[], axis: AxisName, series: Series[]): Drawn {
  const all = axisOf(
    ...runs.map(({ figures }) => placesOf(figures, axis).x),
    runs.flatMap(({ evals }) => evals.flatMap((each) => each[PLACES[axis]] ?? [])),
  );
  const ends = [all.at(0) ?? [], all.at(-1) ?? []].flat();
  const x = axisOf(ends, ...series.map(({ places }) => places));
  const lines = series.map(({ places, values, band, ...line }): Line => {
    // Of a band there is an edge wherever there is a value.
    const edge = (values: Values) => placed(x, places, values) as Values;
    return {
      ...line,
      carried: true,
      values: placed(x, places, values),
      ...(band ? { band: { low: edge(band.low), high: edge(band.high) } } : {}),
    };
  });
  return { x, lines };
}
