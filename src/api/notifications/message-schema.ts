import type { OpenAPIRegistry } from '@asteasolutions/zod-to-openapi';
import { z } from 'zod';
import { EVENT_NAMES, NOTIFICATION_EVENTS } from '../../models/notifications/events.ts';
import { dateField, idField } from '../http/shared-schema.ts';

const text = z.string().nullable();

const run = z.object({
  id: idField,
  name: z.string().openapi({ description: 'As the command line takes it', example: 'job-1-run-2' }),
  number: z.int(),
  job_id: idField.nullable(),
  project_id: idField.nullable(),
  owner_name: z.string().openapi({ description: 'The name of the job or project' }),
  created_by: text.openapi({ description: 'The name of the key that asked for the job or project' }),
  status: z.string(),
  base_model: z.string(),
  training_type: z.string(),
  progress: z.number(),
  current_step: z.int(),
  total_steps: z.int().nullable(),
  loss: z.number().nullable(),
  error_class: text,
  pause_reason: text,
  verdict: text.openapi({ description: 'better, same or worse than its base; null where nothing was compared' }),
  traits: z.array(
    z.object({
      trait: z.string(),
      rows: z.int(),
      verdict: z.string(),
      base_loss: z.number(),
      tuned_loss: z.number(),
    }),
  ),
  started_at: dateField.nullable(),
  finished_at: dateField.nullable(),
});

/** What receivers are sent. */
const MessageSchema = z
  .object({
    type: z.enum([...EVENT_NAMES, 'test']),
    timestamp: dateField.openapi({ description: 'When it happened' }),
    data: z.object({
      sentence: z.string().openapi({ description: 'For people' }),
      url: text.openapi({ description: 'Where the page shows it; null without MTM_PUBLIC_URL' }),
      run: z.union([run, z.null()]),
      worker: z.union([
        z.object({ id: z.string(), host: z.string(), device: text, run_id: idField.nullable() }),
        z.null(),
      ]),
      disk: z.union([
        z.object({
          host: z.string(),
          path: z.string(),
          holds: z.array(z.string()),
          bytes: z.int(),
          free_bytes: z.int(),
        }),
        z.null(),
      ]),
    }),
  })
  .openapi('NotificationMessage');

const signedHeaders = z.object({
  'webhook-id': z.string().openapi({ description: 'The same at every attempt' }),
  'webhook-timestamp': z.string().openapi({ description: 'Of the attempt, in seconds' }),
  'webhook-signature': z.string().openapi({ description: 'v1 of Standard Webhooks: HMAC-SHA256, in Base64' }),
});

/** Says in the document what webhooks get. */
export function documentMessages(registry: OpenAPIRegistry): void {
  for (const event of EVENT_NAMES)
    registry.registerWebhook({
      method: 'post',
      path: event,
      summary: NOTIFICATION_EVENTS[event],
      request: {
        headers: [signedHeaders],
        body: { required: true, content: { 'application/json': { schema: MessageSchema } } },
      },
      responses: {
        '2XX': { description: 'Delivered. Any other answer but 410 has it sent again later, for three days' },
        410: { description: 'Send no more: the target is disabled' },
      },
    });
}
