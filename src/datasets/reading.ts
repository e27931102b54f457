import type { DuckDBConnection } from '@duckdb/node-api';
import { DatasetError } from './dataset-error.ts';
import { isOutOfMemory } from './duckdb.ts';
import type { BadRows } from './good-rows.ts';

/** How DuckDB reads one kind of source. */
export interface Reading {
  columns: string[];
  /** A query that gives each row in its order: a text or NULL for each of the columns, under its name. */
  select: string;
  /** What was left out or understood so that it could be read, as sentences. */
  notes?: string[];
  /** Of a reading that goes by the first rows: one that looks at all of them, for a file on which this query failed. */
  thorough?: () => Promise<Reading>;
  /** Of a reading that leaves out what it cannot read: what that was. */
  leftOut?: (connection: DuckDBConnection) => Promise<BadRows | null>;
  /** What is wrong with a file on which the query failed. Looks at the file once more, so that it can say where. */
  explain: (error: unknown, connection: DuckDBConnection) => Promise<DatasetError>;
}

/**
 * The longest row that is read, in bytes: most files are read with buffers for the first, which is faster and takes less
 * memory, and those that turn out to have longer rows once more with buffers for the second.
 */
export const LONGEST_ROW_BYTES = [2 * 1024 ** 2, 32 * 1024 ** 2] as const;

/** A row is longer than this reading takes. */
export class RowTooLong extends DatasetError {}

/** Where DuckDB's memory did not suffice, that is, for long rows: everything else it reads piece by piece. */
export function rowsTooLong(error: unknown): RowTooLong | null {
  if (!isOutOfMemory(error)) return null;
  return new RowTooLong('file has rows that are too long to be read. Split the longest of them.');
}

/** A row, by its line in the file, that cannot be read. */
export interface WrongRow {
  line: number;
  /** Where it begins in the file, from 0, where that is known. */
  byte?: number;
  /** What is the matter with it, as the end of a sentence. */
  problem: string;
}

/** As many are told beside the first. */
export const MOST_OTHERS = 5;

/** A sentence on the first wrong row and where the others are. */
export function wrongRows(kind: string, [first, ...others]: [WrongRow, ...WrongRow[]], remedy: string): DatasetError {
  const lines = [...new Set(others.map(({ line }) => line))].filter((line) => line !== first.line);
  const also = lines.length === 0 ? '' : ` Also wrong: line${lines.length > 1 ? 's' : ''} ${listed(lines)}.`;
  const where = first.byte === undefined ? '' : `, byte ${first.byte} of the file`;
  return new DatasetError(
    `file is not valid ${kind} in line ${first.line}${where}: ${first.problem}.${also} ${remedy}`,
  );
}

function listed(lines: number[]): string {
  const shown = lines.slice(0, MOST_OTHERS);
  return shown.length === 1 ? `${shown[0]}` : `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`;
}

/** A name of a column that another one also has, but for its case; DuckDB cannot tell the two apart. */
export function nameGivenTwice(names: string[]): string | undefined {
  const lower = names.map((name) => name.toLowerCase());
  return names.find((_name, i) => lower.indexOf(lower[i] ?? '') !== i);
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
