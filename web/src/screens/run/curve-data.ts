import type { RunEvent } from '../../api/run-stream.ts';
import type { Curves } from '../../api/types.ts';
import { axisOf, placed } from '../../parts/chart/joined.ts';
import type { Line, Mark } from '../../parts/chart/line.ts';
import { smooth, type Values } from '../../parts/chart/smoothing.ts';
import { interruptionsOf, sentenceOf } from '../../parts/runs/interruptions.ts';

type Buckets = Curves['buckets'];
type Figure =
  | 'loss'
  | 'loss_min'
  | 'loss_max'
  | 'learning_rate'
  | 'grad_norm'
  | 'grad_norm_max'
  | 'reward_margin'
  | 'reward_accuracy'
  | 'tokens_per_s'
  | 'memory_bytes';

/** Curves as they were read, and the steps that were told since. */
export function withSteps(curves: Curves, steps: RunEvent[]): Curves {
  const news = steps.map(({ data }) => data).filter(({ step }) => typeof step === 'number' && step > curves.steps);
  const last = news.at(-1);
  if (last === undefined) return curves;
  const add = (name: Figure, from: string) => [...curves.buckets[name], ...news.map((step) => numberOf(step[from]))];
  const buckets: Buckets = {
    ...curves.buckets,
    step: [...curves.buckets.step, ...news.map(({ step }) => Number(step))],
    at: [...curves.buckets.at, ...news.map(() => '')],
    epoch: [...curves.buckets.epoch, ...news.map(({ epoch }) => Number(epoch))],
    // Told in no step; curves that are read again have it.
    active_s: [...curves.buckets.active_s, ...news.map(() => curves.buckets.active_s.at(-1) ?? 0)],
    tokens: [...curves.buckets.tokens, ...news.map(({ tokens }) => numberOf(tokens))],
    without_loss: [...curves.buckets.without_loss, ...news.map(({ loss }) => (numberOf(loss) === null ? 1 : 0))],
    loss: add('loss', 'loss'),
    loss_min: add('loss_min', 'loss'),
    loss_max: add('loss_max', 'loss'),
    learning_rate: add('learning_rate', 'learning_rate'),
    grad_norm: add('grad_norm', 'grad_norm'),
    grad_norm_max: add('grad_norm_max', 'grad_norm'),
    reward_margin: add('reward_margin', 'reward_margin'),
    reward_accuracy: add('reward_accuracy', 'reward_accuracy'),
    tokens_per_s: add('tokens_per_s', 'tokens_per_s'),
    memory_bytes: add('memory_bytes', 'memory_bytes'),
  };
  return { ...curves, steps: Number(last.step), buckets };
}

function numberOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

const TRAIT_COLORS = ['--line-trait-1', '--line-trait-2', '--line-trait-3', '--line-trait-4'] as const;
const TRAIT_DASHES = [
  [2, 3],
  [8, 3],
  [8, 3, 2, 3],
  [12, 4],
];

/**
 * Train loss, smoothed in front of what it was, and held-out losses: over all and of each trait. They are measured at few steps, which
 * are points of their own on the axis.
 */
export function lossLines({ buckets, evals }: Curves, halfLife: number): { x: number[]; lines: Line[] } {
  const x = axisOf(
    buckets.step,
    evals.map(({ step }) => step),
  );
  const onAxis = (steps: number[], values: Values) => placed(x, steps, values);
  const smoothed = smooth(buckets.step, buckets.loss, halfLife);
  const band = {
    low: onAxis(buckets.step, buckets.loss_min) as Values,
    high: onAxis(buckets.step, buckets.loss_max) as Values,
  };
  const lines: Line[] = [
    {
      label: 'train, as it was',
      color: '--line-train',
      values: onAxis(buckets.step, buckets.loss),
      width: 1,
      faint: true,
      band,
    },
    { label: 'train', color: '--line-train', values: onAxis(buckets.step, smoothed) },
  ];
  const all = [...new Set(evals.map(({ trait }) => trait))].sort();
  // Of one trait alone, that over all traits is the same.
  const traits = all.length === 2 ? all.filter((trait) => trait === null) : all;
  traits.forEach((trait, index) => {
    const own = evals.filter((each) => each.trait === trait);
    const values = onAxis(
      own.map(({ step }) => step),
      own.map(({ loss }) => loss),
    );
    const nth = index % TRAIT_COLORS.length;
    lines.push(
      trait === null
        ? { label: 'held out', color: '--line-held-out', values, sparse: true }
        : {
            label: `held out: ${trait}`,
            color: TRAIT_COLORS[nth] ?? '--line-other',
            dash: TRAIT_DASHES[nth] ?? [],
            values,
            sparse: true,
          },
    );
  });
  return { x, lines };
}

/** The lines of the charts below that of the losses, which share its steps. */
export function otherLines({ buckets }: Curves) {
  const one = (label: string, values: Values): Line[] => [{ label, color: '--line-train', values }];
  return {
    learningRate: one('learning rate', buckets.learning_rate),
    gradNorm: [
      ...one('mean', buckets.grad_norm),
      { label: 'most', color: '--line-held-out', dash: [4, 4], width: 1, values: buckets.grad_norm_max } satisfies Line,
    ],
    rewardMargin: one('margin', buckets.reward_margin),
    rewardAccuracy: one('told apart', buckets.reward_accuracy),
    tokensPerS: one('tokens/s', buckets.tokens_per_s),
    memory: one('memory', buckets.memory_bytes),
  };
}

/** Between the last step of one attempt and the first of the next. */
export function marksOf(curves: Curves): Mark[] {
  return interruptionsOf(curves).map((each) => ({ x: each.step - 0.5, label: sentenceOf(each) }));
}

/** Where a loss is no number. Of a run that learns nothing (rag) none is. */
export function brokenOf({ buckets }: Curves): number[] {
  if (buckets.loss.every((value) => value === null)) return [];
  return buckets.step.filter((_, index) => (buckets.without_loss[index] ?? 0) > 0);
}
