import { withDuckDb } from './duckdb.ts';
import { readRows } from './read-rows.ts';
import { type Mapping, type Message, type Row, toMessages } from './row-format.ts';

export interface PreviewRow {
  /** Counts from 0. */
  row_number: number;
  values: Row;
  /** The conversation that the row gives; null where it gives none. */
  messages: Message[] | null;
  /** Why it gives none. */
  unusable: string | null;
}

/** The first rows of a dataset's canonical Parquet, as texts and as the conversations that training would see. */
export async function previewRows(
  dataset: { parquet_path: string; columns: string[]; mapping: Mapping | null },
  count: number,
): Promise<PreviewRow[]> {
  return await withDuckDb('256MB', async (connection) => {
    const found: PreviewRow[] = [];
    for await (const { row, rowNumber } of readRows(connection, dataset.parquet_path, dataset.columns)) {
      if (found.length === count) break;
      const messages = dataset.mapping ? toMessages(row, dataset.mapping) : { unusable: 'The dataset has no mapping.' };
      found.push({
        row_number: rowNumber,
        values: row,
        ...(Array.isArray(messages) ? { messages, unusable: null } : { messages: null, unusable: messages.unusable }),
      });
    }
    return found;
  });
}
