import { about, count, duration } from '../numbers.ts';

/** What a chart's x axis counts. */
export interface Axis {
  name: string;
  /** In what lengths on it are measured. */
  units: string;
  /** What the button says that shows all of it. */
  all: string;
  /** A place on it as a number that is read behind the name. */
  format: (x: number) => string;
  /** The same beside the axis, where its unit is clear; '' for nothing. */
  tick: (x: number) => string;
  /** Between which round numbers its ticks may choose; not there: any. */
  increments?: number[];
}

export const STEPS: Axis = {
  name: 'step',
  units: 'steps',
  all: 'Show all steps',
  format: count,
  tick: (x) => (Number.isInteger(x) ? String(x) : ''),
};

export const TOKENS: Axis = {
  name: 'trained tokens',
  units: 'tokens',
  all: 'Show all tokens',
  format: count,
  tick: about,
};

const MINUTE = 60;
const HOUR = 3_600;
const DAY = 86_400;

/** Seconds. */
export const ACTIVE_TIME: Axis = {
  name: 'active time',
  units: 'time',
  all: 'Show all of the time',
  format: duration,
  tick: (x) => (x === 0 ? '0' : duration(x)),
  increments: [
    ...[1, 2, 5, 10, 30],
    ...[1, 2, 5, 10, 30].map((minutes) => minutes * MINUTE),
    ...[1, 2, 6, 12].map((hours) => hours * HOUR),
    ...[1, 2, 5, 10, 20, 50, 100].map((days) => days * DAY),
  ],
};
