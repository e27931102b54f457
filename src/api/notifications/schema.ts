import { z } from 'zod';
import { EVENT_NAMES, TEST_EVENT } from '../../models/notifications/events.ts';
import { DELIVERY_STATUSES } from '../../models/notifications/notification-delivery.ts';
import { TARGET_KINDS } from '../../models/notifications/notification-target.ts';
import {
  dateField,
  examplePage,
  idField,
  integerParam,
  keyNameField,
  nameField,
  pageOf,
  pageQuery,
  reasonField,
} from '../http/shared-schema.ts';

const eventsField = z
  .array(z.enum(EVENT_NAMES))
  .min(1)
  .max(20)
  .nullable()
  .openapi({ description: 'Which events it gets; null: all, including those that later versions add' });
const runsOfField = nameField.nullable().openapi({
  description: 'Of runs, those alone that the key of this name asked for; null: all',
  example: 'laptop of Kim',
});
const urlField = reasonField.openapi({
  description: 'Where messages are posted to. Not to a private address, unless MTM_WEBHOOKS_ALLOW_PRIVATE says so',
  example: 'https://example.com/hooks/training',
});
const addressField = nameField.openapi({ description: 'Where e-mails go', example: 'anna@example.com' });
const enabledField = z.boolean().openapi({ description: 'Whether it gets messages' });

const choices = {
  name: keyNameField,
  events: eventsField.default(null),
  runs_of: runsOfField.default(null),
  enabled: enabledField.default(true),
};

export const NotificationTargetCreate = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('webhook'), ...choices, url: urlField }),
    z.strictObject({ kind: z.literal('email'), ...choices, address: addressField }),
  ])
  .openapi('NotificationTargetCreate', {
    example: { kind: 'webhook', name: 'chat', url: 'https://example.com/hooks/training', events: ['run.failed'] },
  });

export const NotificationTargetPatch = z
  .strictObject({
    name: keyNameField,
    url: urlField,
    address: addressField,
    events: eventsField,
    runs_of: runsOfField,
    enabled: enabledField,
  })
  .partial()
  .openapi('NotificationTargetPatch', { example: { enabled: false } });

const TARGET = {
  id: 1,
  name: 'chat',
  kind: 'webhook' as const,
  url: 'https://example.com/hooks/training',
  address: null,
  events: ['run.completed' as const, 'run.failed' as const],
  runs_of: null,
  enabled: true,
  disabled_because: null,
  created_by: 'laptop of Kim',
  created_at: '2024-01-01T00:00:00Z',
  updated_at: '2024-01-01T00:00:00Z',
};

const targetFields = {
  id: idField,
  name: z.string(),
  kind: z.enum(TARGET_KINDS),
  url: z.string().nullable().openapi({ description: 'Of a webhook' }),
  address: z.string().nullable().openapi({ description: 'Of an e-mail' }),
  events: eventsField,
  runs_of: z.string().nullable(),
  enabled: enabledField,
  disabled_because: z.string().nullable().openapi({ description: 'Why the service disabled it by itself' }),
  created_by: z.string(),
  created_at: dateField,
  updated_at: dateField,
};

export const NotificationTargetSchema = z.object(targetFields).openapi('NotificationTarget', { example: TARGET });
export const NotificationTargetListSchema = pageOf(NotificationTargetSchema).openapi('NotificationTargetList', {
  example: examplePage(TARGET),
});
export const NewNotificationTargetSchema = z
  .object({
    ...targetFields,
    secret: z.string().nullable().openapi({
      description: 'Of a webhook: by which receivers check signatures (Standard Webhooks). It is shown this once',
    }),
  })
  .openapi('NewNotificationTarget', { example: { ...TARGET, secret: 'whsec_… (44 more characters)' } });

const DELIVERY = {
  id: 1,
  target_id: 1,
  message_id: 'msg_0f8fad5bd9cb469fa16570867728950e',
  event: 'run.completed' as const,
  run_id: 1,
  sentence: 'Run 1 of job 1 (my job) completed. The model is better than its base.',
  status: 'pending' as const,
  attempts: 2,
  last_answer: 'It answered 503.',
  last_attempt_at: '2024-01-01T00:00:05Z',
  next_attempt_at: '2024-01-01T00:00:25Z',
  give_up_at: '2024-01-04T00:00:00Z',
  created_at: '2024-01-01T00:00:00Z',
  finished_at: null,
};

const eventField = z.enum([...EVENT_NAMES, TEST_EVENT]);

export const NotificationDeliverySchema = z
  .object({
    id: idField,
    target_id: idField,
    message_id: z.string().openapi({ description: 'What receivers know it by: the same at every attempt' }),
    event: eventField,
    run_id: idField.nullable(),
    sentence: z.string(),
    status: z.enum(DELIVERY_STATUSES),
    attempts: z.int().min(0),
    last_answer: z.string().nullable().openapi({ description: 'What came of the last attempt' }),
    last_attempt_at: dateField.nullable(),
    next_attempt_at: dateField.nullable(),
    give_up_at: dateField.openapi({ description: 'Until when it is tried' }),
    created_at: dateField,
    finished_at: dateField.nullable(),
  })
  .openapi('NotificationDelivery', { example: DELIVERY });

export const NotificationDeliveryListSchema = pageOf(NotificationDeliverySchema).openapi('NotificationDeliveryList', {
  example: examplePage(DELIVERY),
});

export const NotificationTargetListQuery = pageQuery(50);
export const NotificationDeliveryListQuery = pageQuery(50).extend({
  target_id: integerParam(1, 2_147_483_647).optional(),
  status: z.enum(DELIVERY_STATUSES).optional(),
});
