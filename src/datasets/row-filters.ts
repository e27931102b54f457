import { z } from 'zod';

/** Which usable rows of a dataset a project leaves out. */
export const RowFiltersSchema = z.strictObject({
  drop_duplicates: z
    .boolean()
    .meta({ description: 'Keeps the first of the rows that give the same conversation.' })
    .optional(),
  max_characters: z
    .int()
    .min(1)
    .max(1_000_000_000)
    .meta({
      description:
        'Leaves out longer conversations: in characters, of all messages together; of two answers, with the longer one.',
    })
    .optional(),
});
export type RowFilters = z.infer<typeof RowFiltersSchema>;
