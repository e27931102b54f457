import { z } from 'zod';

const count = z.number().int().nonnegative();

/** unmeasured: there was nothing to hold the model against, or too few rows. undecided: these rows do not tell. */
const OUTCOMES = ['passed', 'failed', 'undecided', 'unmeasured'] as const;

/** A held-out row that moved a difference most, with what both did on it. */
const decidingRow = z.object({
  id: z.string(),
  dataset_id: z.number().int().nullable(),
  row_number: z.number().int().nullable(),
  text: z.string(),
  from: z.number(),
  to: z.number(),
  said: z.string(),
});

/** What became of a gate (trainer/validation/gate.py): of each condition, on each trait, and of all. */
export const GateResultSchema = z.object({
  verdict: z.enum(['passed', 'failed', 'undecided']),
  /** What keeps the model from being promoted; where nothing does, all conditions. */
  summary: z.string(),
  /** The version that was the latest when this was found; null: there was none. */
  current_version: count.nullable(),
  conditions: z.array(
    z.object({
      against: z.enum(['base', 'current']),
      metric: z.enum(['loss', 'score']),
      no_worse_by: z.number().optional(),
      better_by: z.number().optional(),
      traits_asked: z.array(z.string()).optional(),
      any_trait: z.boolean().optional(),
      outcome: z.enum(OUTCOMES),
      /** Also where noise leaves a `no_worse_by` undecided: no regression was shown. */
      holds: z.boolean(),
      summary: z.string(),
      traits: z.array(
        z.object({
          trait: z.string(),
          outcome: z.enum(OUTCOMES),
          /** That both were measured on. */
          rows: count,
          from: z.number().nullable(),
          to: z.number().nullable(),
          /** The model less what it is held against, and its bounds. */
          difference: z.object({ mean: z.number(), low: z.number(), high: z.number() }).nullable(),
          summary: z.string(),
          decided_by: z.array(decidingRow),
        }),
      ),
    }),
  ),
});
export type GateResult = z.infer<typeof GateResultSchema>;

const done = z.object({ loss: z.number(), score: z.number().nullable() });

/** Row by row, what base and tuned did: sums of the losses of an answer's tokens, and scores. The id is the same in every run. */
export const HeldOutSchema = z.array(
  z.object({
    trait: z.string(),
    scorer: z.string(),
    rows: z.array(
      z.object({
        id: z.string(),
        dataset_id: z.number().int().nullable(),
        row_number: z.number().int().nullable(),
        text: z.string(),
        tokens: count,
        base: done,
        tuned: done,
      }),
    ),
  }),
);

/** Of that, what a later version is held against. */
export interface KeptTrait {
  trait: string;
  scorer: string;
  rows: { id: string; tokens: number; loss: number; score: number | null }[];
}

/** What the trainer is to judge a model by: the conditions of its project, and what the version did that is the latest. */
export interface GateToHold {
  conditions: object[];
  /** `traits` null: it was validated by an earlier version of the service, which kept none. */
  current: { version: number; traits: KeptTrait[] | null } | null;
}
