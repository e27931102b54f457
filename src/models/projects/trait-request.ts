import { z } from 'zod';
import { RowFiltersSchema } from '../../datasets/row-filters.ts';
import { TRAIT_TYPES } from './trait-types.ts';

const LARGEST_ID = 2_147_483_647;

export const ShareSchema = z.strictObject({
  dataset_id: z.int().min(1).max(LARGEST_ID),
  percentage: z.number(),
  filters: RowFiltersSchema.optional(),
});

/** A trait with its datasets, as it is asked for: percentages with up to three decimals. */
export const TraitRequestSchema = z.strictObject({
  trait_type: z.enum(TRAIT_TYPES),
  weight: z.number().optional().meta({ description: "Its part of all traits' weights is its part of max_rows" }),
  datasets: z.array(ShareSchema).max(100),
});
export type TraitRequest = z.infer<typeof TraitRequestSchema>;

/** The traits of a project. Their rules are in src/commands/projects/trait-rules.ts. */
export const TraitListSchema = z.array(TraitRequestSchema).max(10);
