/** What is told of the rows of a dataset: also by the API, which loads no DuckDB. */

/** Rows that give no conversation, all for the same reason. */
export interface UnusableRows {
  /** The end of a sentence. */
  problem: string;
  rows: number;
  /** The number of the first, from 0. */
  first_row: number;
}

/** Something in rows of which training makes no use, and which is not known to mean nothing. */
export interface UnusedPart {
  /** A column, or keys of messages, as `messages[].key`. */
  part: string;
  rows: number;
  /** The number of the first, from 0. */
  first_row: number;
}

export function unusedSentence({ part, rows, first_row }: UnusedPart): string {
  return `Training makes no use of ${part}, which ${rows} rows have (the first: row ${first_row}).`;
}
