import { z } from 'zod';
import { AnswerSchema, FoundChunkSchema, SEARCHES } from '../../retrieval/bundle-protocol.ts';
import { questionField } from '../http/shared-schema.ts';

export const QueryRequest = z
  .strictObject({
    question: questionField,
    top_k: z.int().min(1).max(100).default(5),
    search: z.enum(SEARCHES).default('vector').openapi({
      description: 'vector: by meaning; hybrid: by the words in common with the question as well (BM25)',
    }),
    answer: z
      .boolean()
      .default(false)
      .openapi({ description: 'Whether the base model answers from the chunks that are found' }),
    stream: z
      .boolean()
      .default(false)
      .openapi({ description: 'Whether the answer comes as it is said, as Server-Sent Events' }),
    max_answer_tokens: z.int().min(1).max(4096).default(256),
  })
  .openapi('QueryRequest', { example: { question: 'How do I reverse a list?', top_k: 1 } });
export const QuerySchema = z
  .object({
    run_number: z.int(),
    base_model: z.string(),
    embedding_model: z.string().openapi({ description: 'That made the index: the base model, where nothing answers' }),
    results: z.array(FoundChunkSchema),
    answer: z.union([AnswerSchema, z.null()]).openapi({ description: 'Null where none was asked for' }),
  })
  .openapi('QueryResult', {
    example: {
      run_number: 1,
      base_model: 'meta-llama/Llama-3.2-3B-Instruct',
      embedding_model: 'sentence-transformers/all-MiniLM-L6-v2',
      results: [
        {
          score: 0.812,
          cosine: 0.812,
          bm25: null,
          chunk: 17,
          text: 'Call list.reverse(), or take list[::-1] for a copy.',
          question: 'How is a list turned around?',
          trait: 'coding',
          dataset_id: 2,
          row_number: 41,
        },
      ],
      answer: { text: 'Call list.reverse().', in_documents: true, chunks: [17], is_cut_off: false },
    },
  });
/** What each event of a streamed answer has. */
export const QueryEventSchema = z
  .object({
    event: z.enum(['chunks', 'text', 'answer', 'error']).openapi({
      description:
        'chunks: all but the answer; text: a piece of what is said; answer: all of it, and whether it rests on the chunks; error: why there is none',
    }),
    data: z.string().openapi({ description: 'JSON' }),
  })
  .openapi('QueryEvent', { example: { event: 'text', data: '{"text": "Call "}' } });
