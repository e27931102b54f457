import { extendZodWithOpenApi } from '@asteasolutions/zod-to-openapi';
import { z } from 'zod';

// Once, before any schema is made: gives schemas their `.openapi()`.
extendZodWithOpenApi(z);

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
