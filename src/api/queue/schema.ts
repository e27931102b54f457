import { z } from 'zod';
import { AskedQueueSchema } from '../../models/runs/queue-choices.ts';
import { dateField, examplePage, IdParams, pageOf, pageQuery } from '../http/shared-schema.ts';
import { LISTED, ListedRunSchema } from '../runs/all-runs-schema.ts';

export const QueueQuery = pageQuery(20).extend({
  run_id: IdParams.shape.id.optional().openapi({ description: 'That run alone, where it waits to be trained' }),
});

export const QueueChangeSchema = AskedQueueSchema.extend({
  front: z.boolean().optional().openapi({ description: 'Before all others of its priority' }),
})
  .refine((change) => Object.values(change).some((value) => value !== undefined), {
    error: 'must say what is to change: priority, front, not_before or after',
  })
  .openapi('QueueChange', { minProperties: 1, example: { priority: 'high', front: true } });

const WaitingRunSchema = ListedRunSchema.extend({
  expected_start_at: dateField.nullable().openapi({
    description: 'By what those before it will take; null while it is held, or where nobody knows',
  }),
}).openapi('WaitingRun');

export const QueueSchema = pageOf(WaitingRunSchema).openapi('Queue', {
  example: examplePage({
    ...LISTED,
    status: 'pending' as const,
    phase: 'waiting' as const,
    progress: 0,
    current_step: 0,
    total_steps: null,
    current_loss: null,
    tokens_per_s: null,
    seconds_left: null,
    worker_id: null,
    started_at: null,
    queue_place: 1,
    waits_because: 'It is the next that a worker takes.',
    expected_start_at: '2024-01-01T00:10:00Z',
  }),
});
