import { extendZodWithOpenApi } from '@asteasolutions/zod-to-openapi';
import { z } from 'zod';

// Once, before any schema is made: gives schemas their `.openapi()`.
extendZodWithOpenApi(z);

/** What lists can be sorted by, upwards and downwards. */
const SORTS = ['id', '-id', 'name', '-name', 'created_at', '-created_at'] as const;

const LARGEST_ID = 2_147_483_647;

export const ErrorSchema = z
  .object({ detail: z.string() })
  .openapi('Error', { example: { detail: 'Dataset 7 not found.' } });

export const IdParams = z.object({
  id: z.coerce.number().int().min(1).max(LARGEST_ID).openapi({ type: 'integer', example: 1 }),
});

export const idField = z.int().min(1).max(LARGEST_ID);

export const nameField = z.string().trim().min(1).max(255).refine(isText, 'must not have a NUL character');

export const textField = z.string().max(10_000).refine(isText, 'must not have a NUL character');

/** PostgreSQL's texts hold every character but NUL. */
function isText(value: string): boolean {
  return !value.includes('\0');
}

/** Query of a list; `size` is the reference's default for its resource. */
export function pageQuery(size: number) {
  return z.strictObject({
    page: z.coerce.number().int().min(1).max(1_000_000).default(1).openapi({ type: 'integer' }),
    page_size: z.coerce.number().int().min(1).max(100).default(size).openapi({ type: 'integer' }),
  });
}

const dateFilter = z.iso.datetime({ offset: true, error: 'must be a date like 2024-01-01T00:00:00Z' }).optional();

/** Query of a list that can be searched and sorted; what it means is in list-query.ts. */
export function searchQuery(size: number) {
  return pageQuery(size).extend({
    name: z
      .string()
      .min(1)
      .max(255)
      .refine(isText, 'must not have a NUL character')
      .optional()
      .openapi({ description: 'Part of the name' }),
    created_after: dateFilter,
    created_before: dateFilter,
    sort: z.enum(SORTS).default('-id').openapi({ description: 'With a minus: downwards' }),
  });
}

/** A page of a list. */
export function pageOf<Item extends z.ZodType>(item: Item) {
  return z.object({ items: z.array(item), total: z.int(), page: z.int(), page_size: z.int(), pages: z.int() });
}

/** What may be changed of a thing that exists: how it is called. */
export const metadataPatch = z.strictObject({
  name: nameField.optional(),
  description: textField.nullable().optional(),
});

export const dateField = z.iso.datetime().openapi({ example: '2024-01-01T00:00:00Z' });

/** RFC 3339 in UTC, as the reference writes it. */
export function date(value: Date): string;
export function date(value: Date | null): string | null;
export function date(value: Date | null): string | null {
  return value === null ? null : value.toISOString();
}
