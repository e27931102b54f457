import type { DeviceKind } from './training.ts';

/** What a training was computed to take, or was measured to. */
export interface Figures {
  memory_bytes: number | null;
  seconds: Record<'prepare' | 'load' | 'train' | 'save' | 'validate', number | null>;
}

/** What decides whether one training says something of another. */
export interface Kind {
  device_kind: DeviceKind;
  device_name: string;
  threads: number;
  /** Of these very files. */
  model: string;
  model_type: string;
  parameters: number;
  training_type: string;
  weight_bytes: number;
  activation_checkpointing: boolean;
  batch_size: number;
  longest_tokens: number;
}

/** A finished run: what it was, and what was computed of it and measured. */
export interface Measurement extends Kind {
  computed: Figures;
  measured: Figures;
}

export const CERTAINTIES = ['measured', 'similar', 'computed'] as const;
export type Certainty = (typeof CERTAINTIES)[number];

/** By how much what was measured differed from what was computed. */
export interface Correction {
  factor: number;
  certainty: Certainty;
  basedOnRuns: number;
  /** Half the width of the range in which the truth is expected. */
  withinPercent: number;
}

/** What is expected of formulas that nothing was measured for; memory is the sum of what is known, speed is not. */
export const UNMEASURED_PERCENT = { memory: 35, time: 150 };
/** One run of another model, or of another type, on the same kind of device. */
const SIMILAR_PERCENT = { memory: 25, time: 60 };
const ONE_RUN_PERCENT = { memory: 15, time: 40 };
const LEAST_PERCENT = { memory: 5, time: 15 };
/** The nearest runs, of which the mean is taken. */
const NEAREST = 3;
/** What a run counts beside the one after it: the first run of a model fills caches that later ones find, as of its weights in 4 bits. */
const EARLIER = 1 / 2;

type What = keyof typeof UNMEASURED_PERCENT;

/**
 * The factor for `of` a training of this kind: the geometric mean of measured / computed over the nearest runs of the same model, type
 * and device, the latest of them first; or else of those of the same family and device. Near is what has about as many tokens in a batch.
 *
 * @param measurements the latest first
 */
export function correctionOf(
  what: What,
  kind: Kind,
  measurements: Measurement[],
  of: (figures: Figures) => number | null,
): Correction {
  const known = measurements.flatMap((measurement) => {
    const [computed, measured] = [of(measurement.computed), of(measurement.measured)];
    return computed && measured ? [{ measurement, ratio: measured / computed }] : [];
  });
  const same = known.filter(({ measurement }) => isSame(measurement, kind));
  const similar = known.filter(({ measurement }) => isSimilar(measurement, kind));
  const found = same.length > 0 ? same : similar;
  const nearest = found
    .map(({ measurement, ratio }) => ({ ratio, distance: distanceOf(measurement, kind) }))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, NEAREST);
  const [first] = nearest;
  if (!first) return { factor: 1, certainty: 'computed', basedOnRuns: 0, withinPercent: UNMEASURED_PERCENT[what] };
  // Runs that are as near as the nearest say it all.
  const alike = nearest.filter(({ distance }) => distance <= first.distance + SAME_DISTANCE);
  const weighed = alike.map(({ ratio }, age) => ({ weight: EARLIER ** age, log: Math.log(ratio) }));
  const factor = Math.exp(
    sumOf(weighed.map(({ weight, log }) => weight * log)) / sumOf(weighed.map(({ weight }) => weight)),
  );
  const spread = 100 * Math.max(...alike.map(({ ratio }) => Math.abs(ratio / factor - 1)));
  const certainty = same.length > 0 && first.distance <= NEAR ? 'measured' : 'similar';
  const alone = alike.length === 1 ? ONE_RUN_PERCENT[what] : LEAST_PERCENT[what];
  const least = certainty === 'measured' ? alone : SIMILAR_PERCENT[what];
  return { factor, certainty, basedOnRuns: alike.length, withinPercent: Math.ceil(Math.max(least, spread)) };
}

function sumOf(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

/** As differences of natural logarithms: a tenth more or less is the same, and up to four times as much is near. */
const SAME_DISTANCE = 0.1;
const NEAR = Math.log(4);

function distanceOf(a: Kind, b: Kind): number {
  const tokens = Math.abs(Math.log((a.batch_size * a.longest_tokens) / Math.max(1, b.batch_size * b.longest_tokens)));
  const size = Math.abs(Math.log(a.parameters / Math.max(1, b.parameters)));
  return tokens + size + (a.training_type === b.training_type ? 0 : 1);
}

function isSame(a: Kind, b: Kind): boolean {
  return (
    isSimilar(a, b) &&
    a.model === b.model &&
    a.training_type === b.training_type &&
    a.weight_bytes === b.weight_bytes &&
    a.activation_checkpointing === b.activation_checkpointing
  );
}

/** Of a model of the same family, not four times as large or as small: formulas are wrong in the same way there. */
function isSimilar(a: Kind, b: Kind): boolean {
  return (
    a.device_kind === b.device_kind &&
    a.device_name === b.device_name &&
    a.threads === b.threads &&
    a.model_type === b.model_type &&
    Math.abs(Math.log(a.parameters / Math.max(1, b.parameters))) <= NEAR
  );
}
