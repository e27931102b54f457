import { z } from 'zod';
import { VERDICTS } from '../../trainer/results.ts';
import { verdictFields } from './schema.ts';

export const ReportSchema = z
  .looseObject({
    valid: z.boolean(),
    verdict: verdictFields.verdict,
    summary: z.string(),
    traits: z.array(z.looseObject({ trait: z.string(), rows: z.int(), verdict: z.enum(VERDICTS) })),
  })
  .openapi('Report', {
    example: {
      valid: true,
      verdict: 'better',
      summary:
        'The tuned model is better than its base on held-out rows of reasoning (loss 1.412 to 0.874, number 12% to 47%).',
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
    },
  });
