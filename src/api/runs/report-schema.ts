import { z } from 'zod';
import { ValidationResultSchema } from '../../trainer/results.ts';

/** Of ValidationResultSchema, whose comments say more. What older versions did not write is optional. */
const { samples, ...validation } = ValidationResultSchema.shape;

const message = z.looseObject({ role: z.string() });

export const ReportSchema = z
  .looseObject({
    ...validation,
    samples: z
      .array(
        samples.element.extend({
          messages: z.array(message).optional().openapi({ description: 'The conversation up to the answer' }),
        }),
      )
      .openapi({ description: 'Held-out rows: what was asked, and how both answered' }),
    fixed_prompts: z
      .array(z.object({ prompt: z.string(), base: z.string(), tuned: z.string() }))
      .optional()
      .openapi({ description: 'What every model is asked, whatever it was tuned for' }),
    base_model: z.string(),
    embedding_model: z.string().optional().openapi({ description: 'Of rag: the model that made the index' }),
    training_type: z.string(),
    training: z
      .object({
        steps: z.int(),
        first_loss: z.number().nullable(),
        last_loss: z.number().nullable(),
        tokens: z.int().nullable(),
      })
      .nullable()
      .openapi({ description: 'Without losses there is no curves.png' }),
  })
  .openapi('Report', {
    example: {
      valid: true,
      files: { valid: true, files_checked: ['config.json', 'model.safetensors', 'tokenizer.json'], errors: [] },
      loading: { valid: true, errors: [] },
      errors: [],
      weights_changed: true,
      verdict: 'better',
      summary:
        'The tuned model is better than its base on held-out rows of reasoning (loss 1.412 to 0.874, number 12% to 47%).',
      confidence: 0.95,
      max_new_tokens: 256,
      traits: [
        {
          trait: 'reasoning',
          rows: 32,
          asked: 32,
          verdict: 'better',
          base: { loss: 1.412, perplexity: 4.104, exact_match: 0, cut_off: 2 },
          tuned: { loss: 0.874, perplexity: 2.396, exact_match: 0.031, cut_off: 0 },
          by_format: { scorer: 'number', rows: 32, base: 0.125, tuned: 0.469 },
          loss_difference: { mean: -0.538, low: -0.611, high: -0.469 },
          score_difference: { mean: 0.344, low: 0.156, high: 0.531 },
        },
      ],
      samples: [
        {
          trait: 'reasoning',
          prompt: 'What is 17 + 25?',
          expected: '17 + 25 = 42',
          base: 'It is 32.',
          tuned: '17 + 25 = 42',
          messages: [{ role: 'user', content: 'What is 17 + 25?' }],
        },
      ],
      base_model: 'meta-llama/Llama-3.2-3B-Instruct',
      training_type: 'qlora',
      training: { steps: 200, first_loss: 1.52, last_loss: 0.81, tokens: 182_400 },
    },
  });
