import type { DuckDBConnection } from '@duckdb/node-api';
import { idOf, type MixtureSource, numbersOf, type SharedSource } from './chosen-tables.ts';
import { SIMILAR_TO_TRAINING } from './held-out-rows.ts';
import { findSimilarRows } from './similar-rows.ts';
import { conversationsSql } from './trainable-rows.ts';

/** Rows that occur more than once in a mixture, in a way that is easily overlooked. */
export interface SimilarRows {
  /** Rows of a dataset that may not be chosen, since an earlier one has them. */
  leftOut: { datasetId: number; rows: number }[];
  /** What was found among the rows that were chosen; null when there were too many to look at. */
  chosen: {
    /** Training rows of a dataset of which an earlier one has the same, or not the same but a similar one. */
    between: { datasetId: number; otherDatasetId: number; same: number; similar: number }[];
    /** Held-out rows that were replaced since they are among the training rows, and those that resemble a training row. */
    heldOut: { replaced: number; similar: number };
  } | null;
}

/** Of each dataset, the numbers of the rows that are the same as, or similar to, one of an earlier dataset. */
export async function rowsOfEarlierDatasets(
  connection: DuckDBConnection,
  datasets: MixtureSource[],
): Promise<Set<number>[]> {
  const conversations: string[] = [];
  for (const [i, source] of datasets.entries()) {
    const rows = await conversationsSql(connection, source);
    conversations.push(`SELECT ${idOf(`${i}`, 'row')} AS id, ${i} AS part, messages FROM (${rows})`);
  }
  await findSimilarRows(connection, conversations.join(' UNION ALL '));
  const found: Set<number>[] = [];
  for (const i of datasets.keys()) {
    const rows = `SELECT DISTINCT (id & 4294967295)::INTEGER FROM similar_rows WHERE id >> 32 = ${i}`;
    found.push(new Set(await numbersOf(connection, rows)));
  }
  return found;
}

/** For findSimilarRows: held-out candidates are compared with training rows of all shares, also of their own. */
export function chosenConversations(shares: number): string {
  return `SELECT DISTINCT ${idOf('share', 'row_number')} AS id, CASE WHEN is_train THEN share ELSE share + ${shares} END AS part, messages FROM conversations`;
}

/** Of each two datasets, how many training rows they have in common. */
export async function similarBetween(
  connection: DuckDBConnection,
  shares: SharedSource[],
): Promise<NonNullable<SimilarRows['chosen']>['between']> {
  const trained = `(SELECT ${idOf('share', 'row_number')} FROM conversations WHERE is_train)`;
  const found = await connection.runAndReadAll(
    `SELECT share, other_share, count(*) FILTER (same)::INTEGER AS same, count(*) FILTER (NOT same)::INTEGER AS "similar" FROM (
         SELECT id >> 32 AS share, other >> 32 AS other_share, bool_or(same) AS same FROM similar_rows
         WHERE id IN ${trained} AND other IN ${trained} GROUP BY id, other >> 32)
       GROUP BY ALL ORDER BY ALL`,
  );
  const idOfShare = (share: unknown) => shares[Number(share)]?.share.datasetId ?? 0;
  return found.getRowObjectsJson().map(({ share, other_share, same, similar }) => ({
    datasetId: idOfShare(share),
    otherDatasetId: idOfShare(other_share),
    same: Number(same),
    similar: Number(similar),
  }));
}

/** Held-out rows that are, or are nearly, among the training rows. */
export async function similarHeldOut(
  connection: DuckDBConnection,
): Promise<NonNullable<SimilarRows['chosen']>['heldOut']> {
  const found = await connection.runAndReadAll(
    `SELECT (SELECT count(*) FROM candidates_to_hold_out WHERE is_trained_on AND nth <= wanted)::INTEGER AS replaced,
       (SELECT count(*) FROM held_out WHERE ${idOf('share', 'row_number')} IN (SELECT id FROM ${SIMILAR_TO_TRAINING}))::INTEGER AS "similar"`,
  );
  const [row] = found.getRowObjectsJson();
  return { replaced: Number(row?.replaced), similar: Number(row?.similar) };
}

/** The same as sentences, with what helps: where held-out rows are fixed, none may be replaced. */
export function warningsOf({ leftOut, chosen }: SimilarRows, isFixed: boolean): string[] {
  const left = leftOut.map(
    ({ datasetId, rows }) =>
      `${rows} rows of dataset ${datasetId} are left out: an earlier dataset has them, or similar ones.`,
  );
  if (!chosen) return [...left, 'Similar rows are looked for when the run begins: here they are too many.'];
  const shared = chosen.between.map(
    ({ datasetId, otherDatasetId, same, similar }) =>
      `Of dataset ${datasetId}, ${same} training rows are also in dataset ${otherDatasetId}, and ${similar} are similar to one there. ${isFixed ? OF_FIXED : 'With mixing.similar_rows "drop" they are left out.'}`,
  );
  const held =
    chosen.heldOut.similar === 0
      ? []
      : [
          `${chosen.heldOut.similar} held-out rows are similar to a training row, so validation looks better than it is. ${isFixed ? OF_FIXED : 'In a project, mixing.similar_rows "drop" replaces them.'}`,
        ];
  return [...left, ...shared, ...held];
}

const OF_FIXED =
  'Take such rows out of the datasets: mixing.held_out "fixed" does not go with mixing.similar_rows "drop".';
