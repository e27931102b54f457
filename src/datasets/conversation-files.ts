import { createHash } from 'node:crypto';
import type { Mapping } from './rows/mapping.ts';

/** Where rows are, and how they become conversations. */
export interface MappedRows {
  parquetPath: string;
  mapping: Mapping;
}

/** Higher when rows are read otherwise: what was read before is read again then. */
export const READING_VERSION = 3;
const READ = '.conversations.parquet';
const TEXTS = '.conversations.texts';

/**
 * The files that are made beside a dataset's Parquet for each mapping that its conversations are asked for with: one with the
 * conversations; or an empty one, which says that all rows are texts, of which DuckDB makes them as they are asked for.
 */
export function conversationFiles({ parquetPath, mapping }: MappedRows): { read: string; texts: string } {
  const what = createHash('sha256')
    .update(JSON.stringify([READING_VERSION, mapping]))
    .digest('hex')
    .slice(0, 16);
  const base = `${parquetPath.replace(/\.parquet$/, '')}.${what}`;
  return { read: `${base}${READ}`, texts: `${base}${TEXTS}` };
}

/** Whether a file beside a Parquet is one of these. */
export function isMadeFrom(name: string): boolean {
  return name.endsWith(READ) || name.endsWith(TEXTS);
}

/** The place of such a file beside the Parquet when that has got its own name. */
export function madeFrom(parquetPath: string, name: string): string {
  return `${parquetPath.replace(/\.parquet$/, '')}.${name.split('.').slice(-3).join('.')}`;
}
