import { dirname } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { chooseRows, type MixtureSpec, type SharedSource, type SimilarRows } from './chosen-rows.ts';
import { withDuckDb } from './duckdb.ts';
import type { MixturePlan } from './mixing.ts';
import { type Tokenizer, tokenLengths, trainedTokens } from './token-count.ts';

export interface DraftRequest extends MixtureSpec {
  tokenizer: Tokenizer | null;
}

/** Tokens of a mixture's training rows, as they are trained on: cut off at the longest length. */
export interface TokenCount {
  /** Rows that were looked at; what is said of all rows is an estimate where these are fewer. */
  countedRows: number;
  perEpoch: number;
  /** Rows longer than max_length, which are cut off. */
  truncatedRows: number;
  /** Rows that are not trained on: no answer stands within max_length. */
  skippedRows: number;
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
export async function draft({ tokenizer, ...spec }: DraftRequest): Promise<Draft> {
  const folders = spec.datasets.map(({ parquetPath }) => dirname(parquetPath));
  return await withDuckDb({ ...MEMORY, folders }, async (connection) => {
    const { plan, similarRows, shares } = await chooseRows(connection, spec, READS_AT_MOST);
    if (!tokenizer) return { plan, similarRows, tokens: null };
    const { problem, ...tokens } = await countTokens(connection, shares, tokenizer);
    const warnings = problem === null ? [] : [`Rows do not fit the chat template of the base model: ${problem}`];
    return { plan: { ...plan, warnings: [...plan.warnings, ...warnings] }, similarRows, tokens };
  });
}

/** Told from as many rows of each dataset: the first of the mixture, which is in a random order. */
async function countTokens(connection: DuckDBConnection, shares: SharedSource[], tokenizer: Tokenizer) {
  const { maxLength } = tokenizer;
  const perShare = Math.ceil(SAMPLED_ROWS / shares.length);
  const found = await connection.runAndReadAll(
    `SELECT share, messages, tools FROM (FROM train QUALIFY row_number() OVER (PARTITION BY share ORDER BY position) <= ${perShare})
     QUALIFY sum(length(messages)) OVER (ORDER BY position) <= ${SAMPLED_CHARACTERS}`,
  );
  const sample = found.getRowObjectsJson().map(({ share, messages, tools }) => ({
    share: Number(share),
    conversation: { messages: String(messages), tools: tools === null ? null : String(tools) },
  }));
  const lengths = await tokenLengths(
    tokenizer,
    sample.map(({ conversation }) => conversation),
  );
  const counts = { countedRows: lengths.length, perEpoch: 0, truncatedRows: 0, skippedRows: 0 };
  const byDataset = shares.map(({ share: { datasetId, allocated } }, i) => {
    const ofShare = lengths.filter((_, row) => sample[row]?.share === i);
    const scaled = (sum: number) => (ofShare.length === 0 ? 0 : Math.round((sum * allocated) / ofShare.length));
    const trained = ofShare.map((length) => trainedTokens(length, maxLength));
    const tokens = scaled(trained.reduce((sum, count) => sum + count, 0));
    counts.perEpoch += tokens;
    counts.truncatedRows += scaled(ofShare.filter((length) => 'tokens' in length && length.tokens > maxLength).length);
    counts.skippedRows += scaled(trained.filter((count) => count === 0).length);
    return { datasetId, tokens };
  });
  byDataset.sort((a, b) => a.datasetId - b.datasetId);
  const failed = lengths.find((length) => 'problem' in length);
  return { ...counts, byDataset, problem: failed && 'problem' in failed ? failed.problem : null };
}
