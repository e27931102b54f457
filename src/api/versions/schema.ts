import { z } from 'zod';
import { PROMOTION_WAYS } from '../../models/versions/promotion.ts';
import { GateResultSchema } from '../../trainer/gate-result.ts';
import { VERDICTS } from '../../trainer/results.ts';
import { dateField, pageOf, reasonField } from '../http/shared-schema.ts';

const head = z.int().nullable();

const historyFields = {
  how: z.enum(PROMOTION_WAYS).openapi({
    description:
      'completed: there was no gate. passed: its gate let it pass. promoted, rolled_back: by hand, with a reason',
  }),
  reason: z.string().nullable(),
  at: dateField,
};

const LATEST = {
  version: 2,
  status: 'passed' as const,
  is_latest: true,
  is_candidate: false,
  model: 'project-1:2',
  gate: null,
  verdict: 'better' as const,
  verdict_summary: 'The tuned model is better than its base on held-out rows of coding (loss 1.412 to 0.874).',
  output_path: '/output/my-project/project-1-run-2',
  completed_at: '2024-01-01T00:00:00Z',
  promotions: [{ how: 'passed' as const, reason: null, at: '2024-01-01T00:00:00Z' }],
};

export const VersionSchema = z
  .object({
    version: z.int().openapi({ description: 'The number of its run' }),
    status: z.enum(['candidate', 'passed', 'failed', 'promoted']).openapi({
      description:
        'candidate: its gate is undecided. passed: its gate let it pass, or there was none. failed: its gate did not. promoted: last made the latest by hand, whatever its gate said',
    }),
    is_latest: z.boolean(),
    is_candidate: z.boolean().openapi({ description: 'Whether it is the newest' }),
    model: z.string().openapi({ description: 'Its name for POST /v1/chat/completions' }),
    gate: z.union([GateResultSchema, z.null()]).openapi({ description: 'Null: there was none' }),
    verdict: z.enum(VERDICTS).nullable(),
    verdict_summary: z.string().nullable(),
    output_path: z.string().nullable(),
    completed_at: dateField.nullable(),
    promotions: z.array(z.object(historyFields)).openapi({ description: 'When it became the latest, newest first' }),
  })
  .openapi('Version', { example: LATEST });

export const VersionListSchema = pageOf(VersionSchema)
  .extend({ latest: head, candidate: head })
  .openapi('VersionList', {
    example: { items: [LATEST], total: 1, page: 1, page_size: 10, pages: 1, latest: 2, candidate: 2 },
  });

export const PromotionListSchema = pageOf(z.object({ version: z.int(), ...historyFields })).openapi('PromotionList', {
  example: {
    items: [{ version: 2, how: 'passed', reason: null, at: '2024-01-01T00:00:00Z' }],
    total: 1,
    page: 1,
    page_size: 10,
    pages: 1,
  },
});

const reason = reasonField.openapi({
  description: 'Why, for whoever reads the history',
  example: 'The other version answers too slowly',
});

export const PromoteRequest = z
  .strictObject({ version: z.int().min(1).max(1_000_000), reason })
  .openapi('PromoteRequest', { example: { version: 3, reason: 'Tried by hand, and good' } });

export const RollBackRequest = z
  .strictObject({ reason })
  .openapi('RollBackRequest', { example: { reason: 'Users complained' } });
