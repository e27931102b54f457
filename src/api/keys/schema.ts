import { z } from 'zod';
import { ROLES } from '../../models/keys/roles.ts';
import { dateField, idField, keyNameField, pageOf, pageQuery } from '../http/shared-schema.ts';

export const roleField = z.enum(ROLES).openapi({
  description:
    'viewer reads; trainer also creates, changes and deletes trainings and what belongs to them, asks models and downloads; admin also changes settings, workers and keys, and deletes base models',
});

const expiresField = z.iso
  .datetime({ offset: true, error: 'must be a date like 2027-01-01T00:00:00Z' })
  .refine((text) => {
    const year = new Date(text).getUTCFullYear();
    return Number.isNaN(year) || (year >= 1 && year <= 9999);
  }, 'must be in the years 1 to 9999, in UTC')
  .nullable()
  .openapi({ description: 'From when on it opens nothing any more; null: never', example: '2999-01-01T00:00:00Z' });

const maxOpenRunsField = z.int().min(1).max(1_000_000).nullable().openapi({
  description:
    'How many of its runs may wait or be under way at a time; one more is refused with a 429. Null: any number. Runs that are there stay when it is lowered',
  example: 4,
});

const example = {
  id: 1,
  name: 'laptop of Kim',
  role: 'trainer' as const,
  public_part: 'mtm_4fGh72Qs',
  status: 'live' as const,
  created_at: '2024-01-01T00:00:00Z',
  created_by: 'MTM_API_KEYS #1',
  expires_at: null,
  revoked_at: null,
  last_used_at: '2024-01-01T00:00:00Z',
  max_open_runs: 4,
  open_runs: 1,
};

const fields = {
  id: idField,
  name: z.string(),
  role: roleField,
  public_part: z.string().openapi({ description: 'How the key begins; no secret' }),
  status: z.enum(['live', 'expired', 'revoked']),
  created_at: dateField,
  created_by: z.string().openapi({ description: 'The name of the key that made it' }),
  expires_at: dateField.nullable(),
  revoked_at: dateField.nullable(),
  last_used_at: dateField.nullable().openapi({ description: 'Exact to a minute' }),
  max_open_runs: maxOpenRunsField,
  open_runs: z.int().openapi({ description: 'How many of its runs wait or are under way now' }),
};

export const KeySchema = z.object(fields).openapi('Key', { example });
export const KeyListSchema = pageOf(KeySchema).openapi('KeyList', {
  example: { items: [example], total: 1, page: 1, page_size: 50, pages: 1 },
});

export const NewKeySchema = z
  .object({
    ...fields,
    key: z.string().openapi({ description: 'The key itself. It is shown this once, and kept nowhere' }),
    notice: z.string().nullable().openapi({ description: 'What else this changes' }),
  })
  .openapi('NewKey', {
    example: { ...example, key: 'mtm_4fGh72Qs_… (49 more letters and digits)', notice: null },
  });

export const KeyCreate = z
  .strictObject({
    name: keyNameField,
    role: roleField,
    expires_at: expiresField.default(null),
    max_open_runs: maxOpenRunsField.default(null),
  })
  .openapi('KeyCreate', { example: { name: 'laptop of Kim', role: 'admin', expires_at: null } });

export const KeyPatch = z
  .strictObject({
    name: keyNameField.optional(),
    expires_at: expiresField.optional(),
    max_open_runs: maxOpenRunsField.optional(),
  })
  .openapi('KeyPatch', { example: { name: 'desktop of Kim' } });

export const KeyListQuery = pageQuery(50).extend({
  revoked: z.enum(['true', 'false']).default('false').openapi({ description: 'With those that were revoked' }),
});
