import { dirname } from 'node:path';
import { z } from 'zod';
import { literal, withDuckDb } from './duckdb.ts';
import { conversationSql, type Mapping } from './row-format.ts';

/** Which usable rows of a dataset a project leaves out. */
export const RowFiltersSchema = z.strictObject({
  /** Keeps the first of the rows that give the same conversation. */
  drop_duplicates: z.boolean().optional(),
  /** Of all messages of a conversation together. */
  max_characters: z.int().min(1).max(1_000_000_000).optional(),
});
export type RowFilters = z.infer<typeof RowFiltersSchema>;

export interface RowSource {
  id: number;
  parquetPath: string;
  mapping: Mapping;
  filters?: RowFilters | undefined;
}

/** A query for the numbers, from 0, of the rows that may be chosen, as the column `row`, in their order. */
export function trainableRowsSql({ parquetPath, mapping, filters = {} }: RowSource): string {
  const { problem, messages } = conversationSql(mapping);
  const from = `FROM read_parquet(${literal(parquetPath)}, file_row_number=true)`;
  const conditions = [`(${problem}) IS NULL`];
  if (filters.max_characters !== undefined) conditions.push(`${charactersOf(messages)} <= ${filters.max_characters}`);
  const where = `WHERE ${conditions.join(' AND ')}`;
  // A hash of 128 bits stands for the conversation: all of them do not fit into memory.
  return filters.drop_duplicates
    ? `SELECT min(row)::INTEGER AS row FROM (SELECT file_row_number AS row, md5_number(${messages}) AS content ${from} ${where}) GROUP BY content ORDER BY 1`
    : `SELECT file_row_number::INTEGER AS row ${from} ${where} ORDER BY file_row_number`;
}

/** Characters of all messages of a conversation, as an SQL expression over its JSON text. */
export function charactersOf(messages: string): string {
  return `list_sum(list_transform(CAST(${messages} AS JSON[]), lambda m: length(m ->> 'content')))`;
}

/** How many rows of each source may be chosen. */
export async function countTrainableRows({ sources }: { sources: RowSource[] }): Promise<number[]> {
  const folders = sources.map(({ parquetPath }) => dirname(parquetPath));
  return await withDuckDb({ memory: '512MB', folders }, async (connection) => {
    const counts: number[] = [];
    for (const source of sources) {
      const found = await connection.runAndReadAll(
        `SELECT count(*)::INTEGER AS rows FROM (${trainableRowsSql(source)})`,
      );
      counts.push(Number(found.getRowObjectsJson()[0]?.rows));
    }
    return counts;
  });
}
