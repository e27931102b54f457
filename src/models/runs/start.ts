import { z } from 'zod';

/** The last of what is asked of a run that is named: its result, or what it had at a step, or where its held-out loss was lowest. */
const checkpoint = z
  .union([z.int().min(1).max(1_000_000_000), z.literal('best')])
  .optional()
  .describe(
    'A step of which there is a checkpoint, or best: the one with the lowest held-out loss. Left out: the result',
  );
const id = z.int().min(1).max(2_147_483_647);
const run = id.optional().describe('Its number. Left out: the latest');

/** What a training is to begin from, as it is asked for. */
export const AskedStartSchema = z
  .union([
    z.strictObject({ job_id: id, run, checkpoint }),
    z.strictObject({ project_id: id, run, checkpoint }),
    z.strictObject({
      path: z
        .string()
        .min(1)
        .max(4_096)
        .refine(
          (path) => path.startsWith('/') && !path.includes('\0'),
          'must be an absolute path, such as /models/adapter',
        )
        .meta({
          description:
            'A folder with an adapter, a checkpoint of Hugging Face, or a model: absolute, below MTM_MODEL_ROOTS',
          pattern: '^/[^\\u0000]*$',
        }),
    }),
  ])
  .describe(
    'What the training begins from, in place of the base model as it is: a run of this service, or a folder of this machine. Whatever it was trained with, it has to be from the same base model.',
  );
export type AskedStart = z.infer<typeof AskedStartSchema>;

/** Low-rank adapters; a checkpoint of a training of all weights; a model in the layout of Hugging Face. (START_KINDS in trainer/runs/run_file.py) */
export const START_KINDS = ['adapter', 'checkpoint', 'model'] as const;

/** What adapter_config.json says, of which the trainer goes on with adapters that are of the same form. */
export const AdapterFormSchema = z.object({
  r: z.number().int(),
  lora_alpha: z.number(),
  use_rslora: z.boolean().nullish().transform(Boolean),
  use_dora: z.boolean().nullish().transform(Boolean),
  target_modules: z.array(z.string()),
  modules_to_save: z
    .array(z.string())
    .nullish()
    .transform((names) => names ?? []),
});

/** What a run begins from, as it was found when the run was asked for. */
export const StartSchema = z.object({
  kind: z.enum(START_KINDS),
  /** Of the files that decide the weights (src/runs/starts.ts). */
  sha256: z.string(),
  /** Where it lay. */
  folder: z.string(),
  /** What people call it: "run 2 of job 12". */
  name: z.string(),
  /** Of an adapter whose config reads: what estimates go by. */
  adapter: AdapterFormSchema.optional(),
  /** Tokens that it has beyond those of its base model. Not there: none. */
  new_tokens: z.array(z.string()).optional(),
  /** Of a run of this service, which may be deleted by now. */
  run_id: z.number().int().optional(),
  /** Of that run; null: its result. */
  checkpoint: z.number().int().nullable().optional(),
});
export type Start = z.infer<typeof StartSchema>;

/** What a run is trained with that begins from `start`: the tokens that this has beyond those of the base model come first, whatever else is asked for. */
export function uponStart<Chosen extends { new_tokens?: string[] | null | undefined }>(
  start: Pick<Start, 'new_tokens'> | undefined,
  chosen: Chosen,
): Chosen {
  if (!start?.new_tokens?.length) return chosen;
  return { ...chosen, new_tokens: [...new Set([...start.new_tokens, ...(chosen.new_tokens ?? [])])] };
}

/** Of a start that a run left, the tokens that it has beyond those of the base model. */
export function tokensOfStart({
  hyperparameters: { new_tokens },
}: {
  hyperparameters: { new_tokens?: string[] | null | undefined };
}): { new_tokens?: string[] } {
  return new_tokens?.length ? { new_tokens } : {};
}
