import { z } from 'zod';
import { GateResultSchema, HeldOutSchema } from './gate-result.ts';

const step = z.number().int().nonnegative();

/** `done.result` of the task train. */
export const TrainResultSchema = z.object({
  final_step: step,
  total_steps: step,
  /** Whether it ended before its last step since the held-out loss did not improve any more. */
  stopped_early: z.boolean().optional(),
  /** Of which step the exported model is: of the best evaluation where it could stop early, else of the last step. */
  exported_step: step.optional(),
  train_loss: z.number().nullable(),
  /** Of the trained weights: the adapter's file (lora, qlora, dpo), the model's (standard), or the embeddings (rag). */
  weights_sha256: z.string(),
  files: z.array(z.object({ path: z.string(), bytes: step, sha256: z.string() })),
});
export type TrainResult = z.infer<typeof TrainResultSchema>;

/** How a tuned model compares with its base on held-out rows. same: no difference that these rows show. */
export const VERDICTS = ['better', 'same', 'worse'] as const;

const figures = z.object({
  loss: z.number(),
  perplexity: z.number(),
  /** The share of asked rows that were answered to the letter; null where none was asked, as of plain texts. */
  exact_match: z.number().nullable(),
  /** How many answers came to the limit (max_new_tokens) before they ended. Not there in results from before it was counted. */
  cut_off: step.optional(),
  /** Of pairs of answers: the share whose chosen one the model finds the more likely. */
  preference_accuracy: z.number().optional(),
});

/** Tuned less base, and the bounds between which it lies on rows like these, with the confidence of the comparison. */
const difference = z.object({ mean: z.number(), low: z.number(), high: z.number() });

/** Of held-out questions, those whose answer is among so many chunks; and the mean of 1 / its place. */
const recall = z.object({
  recall_at_1: z.number(),
  recall_at_5: z.number(),
  recall_at_10: z.number(),
  mrr: z.number(),
});

/** Of answers: the share that is right to the letter, and the mean F1 of their words with those of the expected ones. */
const answered = z.object({ exact_match: z.number(), f1: z.number() });

/** `done.result` of the tasks validate and check (check has no traits and no samples). */
export const ValidationResultSchema = z.object({
  valid: z.boolean(),
  files: z.object({ valid: z.boolean(), files_checked: z.array(z.string()), errors: z.array(z.string()) }),
  loading: z.object({ valid: z.boolean(), errors: z.array(z.string()) }),
  errors: z.array(z.string()),
  /** False of a model that is its base to the bit, which is not valid; null where its files were not right. */
  weights_changed: z.boolean().nullable().optional(),
  /** Worse where it is worse on any trait; null where nothing was compared. */
  verdict: z.enum(VERDICTS).nullable(),
  /** The verdict as a sentence with its figures. */
  summary: z.string(),
  /** Of the bounds of all differences below, such as 0.95. */
  confidence: z.number().optional(),
  /** How many tokens both were asked for at most. */
  max_new_tokens: step.optional(),
  /**
   * How held-out loss fell from base to tuned: in training, as it last measured it, and of the exported model, on the same rows. A
   * difference beyond its margin makes the model not valid. `note` says why they were not compared.
   */
  against_training: z
    .object({
      step: step.nullable(),
      note: z.string().nullable(),
      traits: z.array(
        z.object({
          trait: z.string(),
          rows: step,
          /** Where the base was in 4 bits, of qlora. */
          in_training: z.object({ base: z.number(), tuned: z.number() }),
          exported: z.object({ base: z.number(), tuned: z.number() }),
          /** How far the export's loss is above what would be left of its base's if it had fallen to the share that it did in training. */
          difference: z.number(),
          margin: z.number(),
        }),
      ),
    })
    .optional(),
  traits: z.array(
    z.object({
      trait: z.string(),
      rows: step,
      /** How many of them end in an answer that the model was asked for; not there in results from before: all. */
      asked: step.optional(),
      verdict: z.enum(VERDICTS),
      base: figures,
      tuned: figures,
      /** From 0 to 1, of answers that are numbers, JSON objects or code (trainer/validation/scorers.py); null for free text. */
      by_format: z.object({ scorer: z.string(), rows: step, base: z.number(), tuned: z.number() }).nullable(),
      loss_difference: difference.optional(),
      /** Of the score by format, or else of exact matches; null where nothing was asked. */
      score_difference: difference.nullable().optional(),
    }),
  ),
  /** Row by row. Not there in results from before, nor of rag. */
  held_out: HeldOutSchema.optional(),
  /** What became of the gate of its project; null where there is none. */
  gate: GateResultSchema.nullable().optional(),
  samples: z.array(
    z.object({ trait: z.string(), prompt: z.string(), expected: z.string(), base: z.string(), tuned: z.string() }),
  ),
  /** Of rag, instead of the two above: whether held-out questions find their answers. */
  retrieval: z
    .array(
      z.object({
        trait: z.string(),
        questions: step,
        ...recall.shape,
        /** The same of hybrid search; not there in results from before there was one. */
        hybrid: recall.optional(),
        /** Where the base model answers: how it does with the index, and without. */
        answers: z
          .object({
            questions: step,
            /** Of each answer; not there in results from before it was told. */
            max_new_tokens: step.optional(),
            /** Questions beside these that the model has no room for, with a chunk and an answer. */
            too_long: step.optional(),
            with_retrieval: answered,
            without_retrieval: answered,
            /** The share of which is said that they are not in the documents, as the index is. */
            not_in_documents: z.number(),
            /** The same where the chunks of their answers are not found; 1 is right. */
            not_in_documents_with_answer_removed: z.number(),
            /** Answers with retrieval that had more tokens than they were to have. */
            cut_off: step,
            samples: z.array(
              z.object({
                question: z.string(),
                expected: z.string(),
                with_retrieval: z.string().nullable(),
                without_retrieval: z.string(),
              }),
            ),
          })
          .optional(),
        samples: z.array(
          z.object({ question: z.string(), expected: z.string(), found: z.string(), place: z.number().int() }),
        ),
      }),
    )
    .optional(),
});
export type ValidationResult = z.infer<typeof ValidationResultSchema>;
