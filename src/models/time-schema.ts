import { z } from 'zod';

/** In UTC: an offset may lead out of the years that four digits write, and that PostgreSQL takes. */
function isInYears1To9999(text: string): boolean {
  const year = new Date(text).getUTCFullYear();
  // What is no date at all was refused before.
  return Number.isNaN(year) || (year >= 1 && year <= 9999);
}

/** A time with its zone. */
export const timeSchema = z.iso
  .datetime({ offset: true, error: 'must be a date like 2024-01-01T00:00:00Z' })
  .refine(isInYears1To9999, 'must be in the years 1 to 9999, in UTC');
