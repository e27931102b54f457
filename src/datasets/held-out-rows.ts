import type { DuckDBConnection } from '@duckdb/node-api';
import { COLUMNS, idOf, type SharedSource } from './chosen-tables.ts';
import { DatasetError } from './dataset-error.ts';
import type { MixturePlan } from './mixing-rule.ts';
import { conversationsSql, trainableRowsSql } from './trainable-rows.ts';

/**
 * The table `trainable`: conversations of held-out candidates that some mixture of these datasets may train on as well, as other rows.
 * Reads all rows of all datasets, whatever is chosen of them.
 */
export async function markTrainable(connection: DuckDBConnection, shares: SharedSource[]): Promise<void> {
  await connection.run('CREATE TABLE trainable (messages VARCHAR)');
  for (const [index, { source }] of shares.entries()) {
    const conversations = await conversationsSql(connection, source);
    const usable = source.filters?.drop_duplicates
      ? `AND row IN (SELECT row FROM (${await trainableRowsSql(connection, source)}))`
      : '';
    await connection.run(
      `INSERT INTO trainable SELECT DISTINCT messages FROM (${conversations})
         WHERE messages IN (SELECT messages FROM conversations WHERE NOT is_train)
           AND row NOT IN (SELECT row_number FROM conversations WHERE share = ${index} AND NOT is_train) ${usable}`,
    );
  }
}

/** The table `held_out`, and `candidates`: those for it, with whether they were taken out for being among the training rows. */
export async function chooseHeldOut(
  connection: DuckDBConnection,
  { takesOutSimilar, isFixed }: { takesOutSimilar: boolean; isFixed: boolean },
): Promise<void> {
  const trained = isFixed ? 'trainable WHERE' : 'conversations WHERE is_train AND';
  const isSimilar = takesOutSimilar
    ? `OR EXISTS (FROM ${SIMILAR_TO_TRAINING} WHERE id = ${idOf('candidate.share', 'candidate.row_number')})`
    : '';
  await connection.run(
    `CREATE TABLE candidates_to_hold_out AS
       SELECT ${COLUMNS}, held_out AS wanted, row_number() OVER (PARTITION BY share ORDER BY position) AS nth,
         EXISTS (FROM ${trained} messages = candidate.messages) ${isSimilar} AS is_trained_on
       FROM conversations AS candidate JOIN shares USING (share) WHERE NOT is_train`,
  );
  await connection.run(
    `CREATE TABLE held_out AS SELECT ${COLUMNS} FROM candidates_to_hold_out WHERE NOT is_trained_on
       QUALIFY row_number() OVER (PARTITION BY share ORDER BY position) <= wanted`,
  );
}

/** Pairs of a held-out candidate and a training row; not those of two candidates. */
export const SIMILAR_TO_TRAINING = `(SELECT id, other FROM similar_rows
  WHERE id IN (SELECT ${idOf('share', 'row_number')} FROM conversations WHERE NOT is_train)
    AND other IN (SELECT ${idOf('share', 'row_number')} FROM conversations WHERE is_train))`;

/** Of a dataset: the rows that are held out, those that could have been, and how many of these are trained on. */
interface FoundHeldOut {
  rows: number;
  candidates: number;
  trainedOn: number;
}

export async function heldOutByDataset(connection: DuckDBConnection): Promise<Map<number, FoundHeldOut>> {
  const found = await connection.runAndReadAll(
    `SELECT candidate.dataset_id AS dataset_id, count(taken.position)::INTEGER AS rows, count(*)::INTEGER AS candidates,
       count(*) FILTER (is_trained_on)::INTEGER AS trained_on
     FROM candidates_to_hold_out AS candidate LEFT JOIN held_out AS taken ON taken.position = candidate.position GROUP BY 1`,
  );
  return new Map(
    found
      .getRowObjectsJson()
      .map(({ dataset_id, rows, candidates, trained_on }) => [
        Number(dataset_id),
        { rows: Number(rows), candidates: Number(candidates), trainedOn: Number(trained_on) },
      ]),
  );
}

/**
 * The plan with the rows that could be held out: fewer where the others are trained on as well.
 * @throws DatasetError when none is left of a dataset that is there for nothing else
 */
export function withHeldOut(plan: MixturePlan, found: Map<number, FoundHeldOut>): MixturePlan {
  const rowsOf = (datasetId: number) => found.get(datasetId)?.rows ?? 0;
  const traits = plan.traits.map((trait) => {
    const datasets = trait.datasets.map((share) => ({ ...share, heldOut: rowsOf(share.datasetId) }));
    return { ...trait, datasets, heldOut: datasets.reduce((sum, { heldOut }) => sum + heldOut, 0) };
  });
  const missing = plan.traits.flatMap(({ heldOutFrom, datasets }) =>
    datasets
      .filter(({ datasetId, heldOut }) => datasetId !== heldOutFrom && rowsOf(datasetId) < heldOut)
      .map(
        ({ datasetId, heldOut }) =>
          `Only ${rowsOf(datasetId)} of ${heldOut} rows of dataset ${datasetId} are held out: others are also, or nearly, among the rows to train on.`,
      ),
  );
  const leftOut = plan.traits.flatMap(({ heldOutFrom: id }) => {
    const { rows, candidates, trainedOn } = found.get(id ?? 0) ?? { rows: 0, candidates: 0, trainedOn: 0 };
    if (id === undefined || trainedOn === 0) return [];
    if (rows === 0)
      throw new DatasetError(
        `Dataset ${id} has no row to validate with: all ${candidates} that were drawn are also, or nearly, among the training rows. Validate with rows that are not trained on, or with none: rows are held out of those to train on then.`,
      );
    return [
      `${trainedOn} of the ${candidates} rows of dataset ${id} that were drawn are left out of those held out: they are also, or nearly, among the training rows.`,
    ];
  });
  return {
    ...plan,
    traits,
    heldOutRows: traits.reduce((sum, { heldOut }) => sum + heldOut, 0),
    warnings: [...plan.warnings, ...missing, ...leftOut],
  };
}
