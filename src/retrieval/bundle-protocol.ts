import { z } from 'zod';

/** By the cosine of embeddings alone, or by that and BM25 together. */
export const SEARCHES = ['vector', 'hybrid'] as const;

/** A chunk of a bundle that a question found. Where it comes from is null where the data did not say. */
export const FoundChunkSchema = z.object({
  score: z.number().describe('What it was ordered by: its cosine, or of hybrid search the fused ranks'),
  cosine: z.number(),
  bm25: z.number().nullable().describe('Of hybrid search: of the words in common with the question'),
  chunk: z.int().describe('Its number in the bundle'),
  text: z.string(),
  /** That the text was given as an answer to. */
  question: z.string().nullable(),
  trait: z.string(),
  dataset_id: z.int().nullable(),
  row_number: z.int().nullable(),
});

/** What the base model says to a question from the chunks that were found. */
export const AnswerSchema = z.object({
  text: z.string().nullable().describe('Null where the documents do not hold the answer'),
  in_documents: z.boolean(),
  chunks: z.array(z.int()).describe('The numbers of the chunks that it rests on'),
  is_cut_off: z.boolean().describe('Whether it had more than max_answer_tokens'),
});

const failed = z.object({ error: z.string() });

/** A line of `trainer/bundle/query.py` for a question. */
export const BundleReplySchema = z.union([
  z.object({ results: z.array(FoundChunkSchema), answer: AnswerSchema.optional() }),
  failed,
]);
export type BundleReply = Exclude<z.infer<typeof BundleReplySchema>, { error: string }>;

const BundleEventSchema = z.union([
  z.object({ results: z.array(FoundChunkSchema) }),
  z.object({ text: z.string() }),
  z.object({ answer: AnswerSchema }),
]);
export type BundleEvent = z.infer<typeof BundleEventSchema>;

/** One line of a streamed answer. `left`: nobody waits for the rest, as was said. */
export const StreamLineSchema = z.union([BundleEventSchema, z.object({ left: z.literal(true) }), failed]);

/** As `trainer/bundle/query.py` takes it. */
export interface BundleQuestion {
  question: string;
  top_k: number;
  search: (typeof SEARCHES)[number];
  answer: boolean;
  max_answer_tokens: number;
}
