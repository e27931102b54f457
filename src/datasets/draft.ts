import { dirname } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { chooseRows, type MixtureSpec } from './chosen-rows.ts';
import type { SharedSource } from './chosen-tables.ts';
import { withDuckDb } from './duckdb.ts';
import type { MixturePlan } from './mixing-rule.ts';
import { withProgress } from './progress.ts';
import type { SimilarRows } from './rows-in-common.ts';
import { encodedIn, type Tokenizer, tokenLengths } from './tokenizer.ts';

export interface DraftRequest extends MixtureSpec {
  tokenizer: Tokenizer | null;
}

/** Tokens of a mixture's training rows, as they are trained on. */
export interface TokenCount {
  /** Rows that were looked at; what is said of all rows is an estimate where these are fewer. */
  countedRows: number;
  /** Sequences that an epoch has, mostly one a row; of pairs of answers, pairs. */
  examples: number;
  perEpoch: number;
  /** Of the longest of the rows that were looked at, as it is trained on. Not there in plans from before. */
  longest?: number | undefined;
  /** Rows longer than max_length: cut off, or left out. */
  truncatedRows: number;
  droppedRows: number;
  /** Rows that are not trained on since no answer stands within max_length. */
  skippedRows: number;
  /** Rows that the model's chat template cannot show, which are left out (on_bad_rows: skip). Not there in plans from before. */
  refusedRows?: number;
  /** By their ids. */
  byDataset: { datasetId: number; tokens: number }[];
}

/** What a mixture would be. */
export interface Draft {
  plan: MixturePlan;
  similarRows: SimilarRows | null;
  /** Null without a tokenizer. */
  tokens: TokenCount | null;
}

const MEMORY = { memory: '512MB', moreMemory: '1536MB' };

/** Somebody waits for the answer: of a larger mixture, similar rows are looked for only when its run begins. */
const READS_AT_MOST = 200_000;

/** Rows of which the tokens are counted, of all datasets together. */
const SAMPLED_ROWS = 2_000;
const SAMPLED_CHARACTERS = 50_000_000;

/** What mix() would do, without writing anything. @throws DatasetError */
export async function draft(
  { tokenizer, ...spec }: DraftRequest,
  onProgress: (percent: number) => void,
): Promise<Draft> {
  const folders = spec.datasets.map(({ parquetPath }) => dirname(parquetPath));
  return await withDuckDb({ ...MEMORY, folders }, async (connection) => {
    // The tokens of a sample take about as long as to choose the rows.
    const steps = tokenizer ? 2 : 1;
    const { plan, similarRows, counted } = await withProgress(
      connection,
      onProgress,
      async (next) => {
        const { shares, ...chosen } = await chooseRows(connection, spec, READS_AT_MOST);
        next();
        return { ...chosen, counted: tokenizer && (await countTokens(connection, shares, tokenizer)) };
      },
      steps,
    );
    if (!counted) return { plan, similarRows, tokens: null };
    const { problem, notes, ...tokens } = counted;
    const warnings = [...notes].map(
      ([note, rows]) => `${rows} of ${tokens.countedRows} rows that were looked at ${note}.`,
    );
    if (problem !== null) warnings.push(`Rows do not fit the chat template of the base model: ${problem}`);
    return { plan: { ...plan, warnings: [...plan.warnings, ...warnings] }, similarRows, tokens };
  });
}

/** Told from as many rows of each dataset that is trained on: the first of the mixture, which is in a random order. */
async function countTokens(connection: DuckDBConnection, shares: SharedSource[], tokenizer: Tokenizer) {
  const trained = shares
    .map(({ share }, index) => ({ ...share, index }))
    .filter((share) => share.percentageThousandths > 0);
  const perShare = Math.ceil(SAMPLED_ROWS / trained.length);
  const found = await connection.runAndReadAll(
    `SELECT share, messages, tools, rejected FROM (FROM train QUALIFY row_number() OVER (PARTITION BY share ORDER BY position) <= ${perShare})
     QUALIFY sum(length(concat(messages, rejected))) OVER (ORDER BY position) <= ${SAMPLED_CHARACTERS}`,
  );
  const sample = found.getRowObjectsJson().map((row) => ({ share: Number(row.share), conversation: encodedIn(row) }));
  const lengths = await tokenLengths(
    tokenizer,
    sample.map(({ conversation }) => conversation),
  );
  const longest = Math.max(0, ...lengths.map((length) => ('tokens' in length ? length.longest : 0)));
  const counts = {
    examples: 0,
    perEpoch: 0,
    longest,
    truncatedRows: 0,
    droppedRows: 0,
    skippedRows: 0,
    refusedRows: 0,
  };
  const byDataset = trained.map(({ datasetId, allocated, index }) => {
    const ofShare = lengths.filter((_, row) => sample[row]?.share === index);
    const written = ofShare.filter((length) => 'tokens' in length);
    const all = (of: (length: (typeof written)[number]) => number | boolean) =>
      Math.round((sum(written.map((length) => Number(of(length)))) * allocated) / Math.max(1, ofShare.length));
    const tokens = all(({ trained }) => trained);
    counts.perEpoch += tokens;
    counts.examples += all(({ examples }) => examples);
    counts.truncatedRows += all(({ truncated }) => truncated);
    counts.droppedRows += all(({ dropped }) => dropped);
    counts.skippedRows += all(({ examples, dropped }) => examples === 0 && !dropped);
    counts.refusedRows += Math.round(((ofShare.length - written.length) * allocated) / Math.max(1, ofShare.length));
    return { datasetId, tokens };
  });
  byDataset.sort((a, b) => a.datasetId - b.datasetId);
  const notes = new Map<string, number>();
  for (const note of lengths.flatMap((length) => ('tokens' in length ? length.notes : [])))
    notes.set(note, (notes.get(note) ?? 0) + 1);
  const failed = lengths.find((length) => 'problem' in length);
  return {
    countedRows: lengths.length,
    ...counts,
    byDataset,
    notes,
    problem: failed && 'problem' in failed ? failed.problem : null,
  };
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
