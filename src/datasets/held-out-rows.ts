import type { DuckDBConnection } from '@duckdb/node-api';
import { COLUMNS, idOf } from './chosen-tables.ts';
import type { MixturePlan } from './mixing-rule.ts';

/** The table `held_out`, and `candidates`: those for it, with whether they were taken out for being among the training rows. */
export async function chooseHeldOut(connection: DuckDBConnection, takesOutSimilar: boolean): Promise<void> {
  const isSimilar = takesOutSimilar
    ? `OR EXISTS (FROM ${SIMILAR_TO_TRAINING} WHERE id = ${idOf('candidate.share', 'candidate.row_number')})`
    : '';
  await connection.run(
    `CREATE TABLE candidates_to_hold_out AS
       SELECT ${COLUMNS}, held_out AS wanted, row_number() OVER (PARTITION BY share ORDER BY position) AS nth,
         EXISTS (FROM conversations WHERE is_train AND messages = candidate.messages) ${isSimilar} AS is_trained_on
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

export async function heldOutByDataset(connection: DuckDBConnection): Promise<Map<number, number>> {
  const found = await connection.runAndReadAll('SELECT dataset_id, count(*)::INTEGER AS rows FROM held_out GROUP BY 1');
  return new Map(found.getRowObjectsJson().map(({ dataset_id, rows }) => [Number(dataset_id), Number(rows)]));
}

/** The plan with the rows that could be held out: fewer where the others are trained on as well. */
export function withHeldOut(plan: MixturePlan, found: Map<number, number>): MixturePlan {
  const traits = plan.traits.map((trait) => {
    const datasets = trait.datasets.map((share) => ({ ...share, heldOut: found.get(share.datasetId) ?? 0 }));
    return { ...trait, datasets, heldOut: datasets.reduce((sum, { heldOut }) => sum + heldOut, 0) };
  });
  const missing = plan.traits
    .flatMap(({ datasets }) => datasets)
    .filter(({ datasetId, heldOut }) => (found.get(datasetId) ?? 0) < heldOut)
    .map(
      ({ datasetId, heldOut }) =>
        `Only ${found.get(datasetId) ?? 0} of ${heldOut} rows of dataset ${datasetId} are held out: others are also, or nearly, among the training rows.`,
    );
  return {
    ...plan,
    traits,
    heldOutRows: traits.reduce((sum, { heldOut }) => sum + heldOut, 0),
    warnings: [...plan.warnings, ...missing],
  };
}
