import { z } from 'zod';
import { integerParam } from '../http/shared-schema.ts';

/** Query of a list that goes on behind one of its items. */
export function cursorQuery({ most, standard }: { most: number; standard: number }) {
  return z.strictObject({
    after: z.string().min(1).max(255).optional().openapi({ description: 'The id of the last item of the page before' }),
    limit: integerParam(1, most).default(standard),
  });
}

/** A page of a list. Clients go on as long as `has_more` says so, and endlessly where it is missing. */
export function listOf<Item extends z.ZodType>(item: Item) {
  return z.object({
    object: z.literal('list'),
    data: z.array(item),
    has_more: z.boolean(),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
  });
}

/** @param found one more than `limit`, where there are more */
export function presentList<Item extends { id: string }>(found: Item[], limit: number) {
  const data = found.slice(0, limit);
  return {
    object: 'list' as const,
    data,
    has_more: found.length > limit,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
  };
}

/** As this wire writes times: in whole seconds since 1970. */
export function seconds(date: Date): number {
  return Math.floor(date.getTime() / 1000);
}
