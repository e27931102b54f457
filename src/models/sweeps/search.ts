import { z } from 'zod';
import { HyperparameterChoicesSchema } from '../runs/hyperparameter-choices.ts';

/**
 * What a sweep may vary: what changes how a model learns, and neither which rows are held out (`seed`) nor how the loss on them is
 * measured (`max_length`, `train_on`, `beta`): losses of two runs would not be of the same thing.
 */
const NUMBERS = {
  learning_rate: 'real',
  batch_size: 'whole',
  gradient_accumulation: 'whole',
  epochs: 'whole',
  max_steps: 'whole',
  lora_r: 'whole',
  lora_alpha: 'whole',
  lora_dropout: 'real',
  warmup_steps: 'whole',
  warmup_ratio: 'real',
  weight_decay: 'real',
  max_grad_norm: 'real',
  loraplus_lr_ratio: 'real',
  neftune_noise_alpha: 'real',
} as const;
const OTHERS = [
  'batching',
  'lora_target_modules',
  'lr_scheduler',
  'modules_to_save',
  'optimizer',
  'use_dora',
  'use_rslora',
  'weights',
] as const;

type NumberName = keyof typeof NUMBERS;
export type SweptName = NumberName | (typeof OTHERS)[number];
/** In the order in which values are drawn, whatever the order of a request. */
export const SWEPT_NAMES = [...(Object.keys(NUMBERS) as NumberName[]), ...OTHERS].sort();

/** What one run of a sweep has that the others have otherwise. */
export type SweepSettings = Partial<Pick<z.infer<typeof HyperparameterChoicesSchema>, SweptName>>;
export type SweptValue = NonNullable<SweepSettings[SweptName]>;

export const MOST_RUNS = 100;
const DEFAULT_SEED = 0;

/** Values between two, both of which may be drawn. */
const RangeSchema = z.strictObject({
  min: z.number(),
  max: z.number(),
  scale: z
    .enum(['linear', 'log'])
    .optional()
    .meta({ description: 'log: as many below as above the geometric mean. Default: linear.' }),
});
export type Range = z.infer<typeof RangeSchema>;

const shape = HyperparameterChoicesSchema.shape;
const valuesOf = (name: SweptName) =>
  z
    .array(shape[name].unwrap() as z.ZodType<SweptValue>)
    .min(1)
    .max(MOST_RUNS);
const listed = (names: readonly SweptName[]) =>
  Object.fromEntries(names.map((name) => [name, valuesOf(name).optional()])) as Record<
    SweptName,
    z.ZodOptional<ReturnType<typeof valuesOf>>
  >;
const listedOrRanged = Object.fromEntries(
  SWEPT_NAMES.map((name) => [
    name,
    (name in NUMBERS ? z.union([valuesOf(name), RangeSchema]) : valuesOf(name)).optional(),
  ]),
) as Record<SweptName, z.ZodOptional<z.ZodUnion<[ReturnType<typeof valuesOf>, typeof RangeSchema]>>>;

const NOTHING_VARIES = 'must name a hyperparameter with the values to try, such as {"learning_rate": [0.0001, 0.0002]}';
const isNotEmpty = (varied: object) => Object.keys(varied).length > 0;

export const SearchSchema = z.discriminatedUnion('method', [
  z.strictObject({
    method: z
      .literal('grid')
      .meta({ description: 'grid: every combination of the values. random: so many drawn ones.' }),
    hyperparameters: z.strictObject(listed(SWEPT_NAMES)).refine(isNotEmpty, NOTHING_VARIES).meta({ minProperties: 1 }),
  }),
  z.strictObject({
    method: z.literal('random'),
    runs: z.int().min(1).max(MOST_RUNS).meta({ description: 'How many combinations are drawn' }),
    seed: z.int().min(0).max(2_147_483_647).default(DEFAULT_SEED).meta({ description: 'The same one draws the same' }),
    hyperparameters: z.strictObject(listedOrRanged).refine(isNotEmpty, NOTHING_VARIES).meta({ minProperties: 1 }),
  }),
]);
export type Search = z.infer<typeof SearchSchema>;

/** Whether values between two are drawn as whole numbers. */
export function isWhole(name: SweptName): boolean {
  return name in NUMBERS && NUMBERS[name as NumberName] === 'whole';
}

/** What is wrong with a range of values, as the end of a sentence that begins with its name; undefined: nothing. */
export function wrongIn(name: SweptName, { min, max, scale }: Range): string | undefined {
  for (const [end, value] of Object.entries({ min, max })) {
    const wrong = shape[name].safeParse(value).error?.issues[0]?.message;
    if (wrong !== undefined) return `.${end} is ${value}, which is no value of ${name}: ${wrong}.`;
  }
  if (min >= max) return `.max is ${max}, and min is ${min}; give a max above it.`;
  if (scale === 'log' && min <= 0) return `.min is ${min}, and scale is log; give a min above 0, or scale linear.`;
}
