import { z } from 'zod';
import { OUTCOMES } from '../../models/audit/audit.ts';
import { dateField, dateFilter, integerParam, nameField } from '../http/shared-schema.ts';

/** Milliseconds since 1970 and a number, as `next` of a page has them. */
const PLACE = /^(0|[1-9][0-9]{0,13})-([1-9][0-9]{0,14})$/;

export const AuditQuery = z.strictObject({
  limit: integerParam(1, 200).default(50),
  after: z
    .string()
    .regex(PLACE, 'must be the next of a page, like 1767225600000-812')
    .optional()
    .openapi({ description: '`next` of the page before', example: '1767225600000-812' }),
  who: nameField.optional().openapi({
    description:
      'The name of a key; (nobody): without one, or with one that the service does not know; (anyone): of a service without keys',
    example: 'anna',
  }),
  entity: nameField.optional().openapi({ description: 'A kind of thing', example: 'job' }),
  entity_id: nameField.optional().openapi({ description: 'One thing of this kind: with `entity`', example: '12' }),
  outcome: z.enum(OUTCOMES).optional().openapi({
    description: 'unknown: it is under way, or the service ended before it knew',
  }),
  since: dateFilter.openapi({ description: 'From this time on' }),
  until: dateFilter.openapi({ description: 'Before this time' }),
});

export const AuditRowSchema = z
  .object({
    id: z.int(),
    at: dateField,
    who: z.string().openapi({ description: 'The name of the key as it was then, or (nobody), or (anyone)' }),
    key_id: z.int().nullable().openapi({ description: 'Of a key in the database' }),
    role: z.string().nullable(),
    address: z.string().openapi({ description: 'Of the connection: that of the proxy, where there is one' }),
    method: z.string(),
    route: z.string().openapi({ description: 'As it is declared, without what stood in its place' }),
    entity: z.object({ kind: z.string(), id: z.string().nullable(), name: z.string().nullable() }),
    changes: z.string().openapi({ description: 'What was asked for; nothing secret, and no content' }),
    outcome: z.enum(OUTCOMES),
    status: z.int().nullable(),
    ended_at: dateField.nullable(),
    replayed: z.boolean().openapi({ description: 'Asked again under its Idempotency-Key: nothing new was made' }),
    request_id: z.string().openapi({ description: 'X-Request-Id of the answer, which the logs have too' }),
  })
  .openapi('AuditRow');

export const AuditListSchema = z
  .object({
    items: z.array(AuditRowSchema),
    next: z.string().nullable().openapi({ description: 'For `after` of the next page; null: there is none' }),
  })
  .openapi('AuditList', {
    example: {
      items: [
        {
          id: 812,
          at: '2026-01-01T00:00:00.000Z',
          who: 'anna',
          key_id: 3,
          role: 'trainer',
          address: '192.0.2.7',
          method: 'PATCH',
          route: '/api/v1/jobs/{id}',
          entity: { kind: 'job', id: '12', name: 'My Training Job' },
          changes: 'name: "Another name"',
          outcome: 'done',
          status: 200,
          ended_at: '2026-01-01T00:00:00.012Z',
          replayed: false,
          request_id: 'req_4e0d6f2a9b0c4b8f8a5d3b1c7e9f2a6d',
        },
      ],
      next: '1767225600000-812',
    },
  });
