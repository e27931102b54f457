import { dirname } from 'node:path';
import { conversationsOf } from './conversations.ts';
import { withDuckDb } from './duckdb.ts';
import { type LengthBucket, type Lengths, lengthBuckets } from './lengths.ts';
import { withProgress } from './progress.ts';
import type { Mapping } from './rows/mapping.ts';
import { type EncodedConversation, encodedIn, type Tokenizer, tokenLengths } from './tokenizer.ts';

/** Tokens of a dataset's usable rows, told from a sample of them where there are many. */
export interface DatasetTokens {
  counted_rows: number;
  /** Of whole rows, before they are cut off; of a pair of answers with the longer one. */
  lengths: Lengths | null;
  /** How many of those that were counted are about how long. */
  histogram: LengthBucket[] | null;
  /** Of all usable rows, with both answers of a pair: scaled from those that were counted, as the two below. */
  total: number;
  /** Longer than max_length. */
  too_long_rows: number;
  /** No answer stands within max_length, so that they are not trained on. */
  without_answer_rows: number;
  /** Counted rows that the model's chat template refuses, and why the first of them is. */
  refused: { rows: number; problem: string } | null;
}

const SAMPLED_ROWS = 2_000;
const SAMPLED_CHARACTERS = 50_000_000;

export interface DatasetTokensRequest {
  parquetPath: string;
  mapping: Mapping;
  usableRows: number;
  tokenizer: Tokenizer;
}

/** @throws DatasetError when the model's tokenizer does not load */
export async function datasetTokens(
  request: DatasetTokensRequest,
  onProgress: (percent: number) => void,
): Promise<DatasetTokens> {
  const { usableRows, tokenizer } = request;
  const counted = await tokenLengths(tokenizer, await sampleRows(request, onProgress));
  const scaled = (part: number) => (counted.length === 0 ? 0 : Math.round((part * usableRows) / counted.length));
  const rowTokens = counted.flatMap((length) => ('tokens' in length ? [length.tokens] : []));
  const lengths = lengthsOf(rowTokens);
  const refused = counted.flatMap((length) => ('problem' in length ? [length.problem] : []));
  return {
    counted_rows: counted.length,
    lengths,
    histogram:
      lengths &&
      lengthBuckets(
        rowTokens.map((tokens) => [tokens, 1]),
        lengths,
      ),
    total: scaled(sum(counted.map((length) => ('total' in length ? length.total : 0)))),
    too_long_rows: scaled(rowTokens.filter((tokens) => tokens > tokenizer.maxLength).length),
    without_answer_rows: scaled(counted.filter((length) => 'trained' in length && length.trained === 0).length),
    refused: refused[0] === undefined ? null : { rows: refused.length, problem: refused[0] },
  };
}

/** Usable rows from everywhere in the file, and the same each time. */
async function sampleRows(
  { parquetPath, mapping }: DatasetTokensRequest,
  onProgress: (percent: number) => void,
): Promise<EncodedConversation[]> {
  const limits = { memory: '256MB', moreMemory: '1536MB', folders: [dirname(parquetPath)] };
  return await withDuckDb(limits, (connection) =>
    withProgress(
      connection,
      onProgress,
      async (next) => {
        const conversations = await conversationsOf(connection, { parquetPath, mapping });
        // Their numbers first: only few conversations are to be in memory.
        await connection.run(
          `CREATE TABLE sample AS SELECT row AS sampled FROM ${conversations} WHERE problem IS NULL ORDER BY hash(row) LIMIT ${SAMPLED_ROWS}`,
        );
        next();
        const found = await connection.runAndReadAll(
          `SELECT messages, tools, rejected FROM ${conversations} WHERE row IN (SELECT sampled FROM sample)
         QUALIFY sum(length(concat(messages, rejected))) OVER (ORDER BY row) <= ${SAMPLED_CHARACTERS}`,
        );
        return found.getRowObjectsJson().map(encodedIn);
      },
      STATEMENTS + 1,
    ),
  );
}

/** Beside the tokenizer, which comes then. */
const STATEMENTS = 2;

function lengthsOf(numbers: number[]): Lengths | null {
  const sorted = [...numbers].sort((a, b) => a - b);
  // The smallest that so large a part of all are not above.
  const quantile = (part: number) => sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? 0;
  if (sorted.length === 0) return null;
  return {
    min: quantile(0),
    median: quantile(0.5),
    p95: quantile(0.95),
    max: quantile(1),
    mean: sum(sorted) / sorted.length,
  };
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
