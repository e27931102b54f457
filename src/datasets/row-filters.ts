import { z } from 'zod';

/** Which usable rows of a dataset a project leaves out. */
export const RowFiltersSchema = z.strictObject({
  /** Keeps the first of the rows that give the same conversation. */
  drop_duplicates: z.boolean().optional(),
  /** Of all messages of a conversation together. */
  max_characters: z.int().min(1).max(1_000_000_000).optional(),
});
export type RowFilters = z.infer<typeof RowFiltersSchema>;
