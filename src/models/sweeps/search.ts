import { z } from 'zod';
import { TraitListSchema } from '../projects/trait-request.ts';
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

type SweptChoices = Partial<Pick<z.infer<typeof HyperparameterChoicesSchema>, SweptName>>;
/** What one run of a sweep has that the others have otherwise. `mixture`: the name of one of the search. */
export type SweepSettings = { mixture?: string } & SweptChoices;
export type SweptValue = NonNullable<SweptChoices[SweptName]>;

export const MOST_RUNS = 100;
const DEFAULT_SEED = 0;
/** Of a mixture. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is left out.
const NAME = /^[^\s\u0000-\u001f][^\u0000-\u001f]{0,63}$/;

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

/** The traits of a project under a name. */
const MixtureSchema = z.strictObject({
  name: z
    .string()
    .regex(NAME, 'must be one line of up to 64 characters that begins with no space')
    .refine((name) => !/\p{Surrogate}/u.test(name), 'must not have half of a surrogate pair'),
  traits: TraitListSchema,
});
export type Mixture = z.infer<typeof MixtureSchema>;

const mixtures = z.array(MixtureSchema).min(1).max(MOST_RUNS).optional().meta({
  description:
    'Of a project: the traits to try in place of its own, with the same datasets at other percentages, or other weights',
});

export const SearchSchema = z.discriminatedUnion('method', [
  z.strictObject({
    method: z
      .literal('grid')
      .meta({ description: 'grid: every combination of the values. random: so many drawn ones.' }),
    hyperparameters: z.strictObject(listed(SWEPT_NAMES)).optional(),
    mixtures,
  }),
  z.strictObject({
    method: z.literal('random'),
    runs: z.int().min(1).max(MOST_RUNS).meta({ description: 'How many combinations are drawn' }),
    seed: z.int().min(0).max(2_147_483_647).default(DEFAULT_SEED).meta({ description: 'The same one draws the same' }),
    hyperparameters: z.strictObject(listedOrRanged).optional(),
    mixtures,
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
