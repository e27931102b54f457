import type { DuckDBConnection, DuckDBIntegerVector } from '@duckdb/node-api';
import { conversationsOf } from './conversations.ts';
import { DatasetError } from './dataset-error.ts';
import {
  type DatasetShare,
  type MixtureChoices,
  type MixturePlan,
  planMixture,
  requestFor,
  type SimilarRowsChoice,
} from './mixing.ts';
import { randomIntegers, sample } from './random.ts';
import { findSimilarRows } from './similar-rows.ts';
import { literal } from './sql.ts';
import { conversationsSql, type RowSource, trainableRowsSql } from './trainable-rows.ts';

export interface MixtureSource extends RowSource {
  /** Of the file that was uploaded: the choice of rows depends on it, and on nothing of this machine. */
  sha256: string;
}

/** Everything that decides which rows a mixture has. */
export interface MixtureSpec {
  choices: MixtureChoices;
  datasets: MixtureSource[];
  seed: number;
  /** Default: count. */
  similarRows?: SimilarRowsChoice | undefined;
}

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

export interface ChosenRows {
  plan: MixturePlan;
  similarRows: SimilarRows | null;
  shares: SharedSource[];
}

export interface SharedSource {
  trait: string;
  share: DatasetShare;
  source: MixtureSource;
}

/**
 * Plans a mixture and chooses its rows, as the tables `train` and `held_out` (messages and tools as JSON text, trait,
 * dataset_id, row_number, share, position). A held-out row whose conversation also is among the training rows, of whichever
 * dataset, is left out; another one of its dataset takes its place where there is one.
 * @param readsAtMost of a larger mixture, so many training rows are read, and similar ones are not looked for
 * @throws DatasetError
 */
export async function chooseRows(
  connection: DuckDBConnection,
  { choices, datasets, seed, similarRows = 'count' }: MixtureSpec,
  readsAtMost = Number.POSITIVE_INFINITY,
): Promise<ChosenRows> {
  const leaveOut = similarRows === 'drop' ? await rowsOfEarlierDatasets(connection, datasets) : [];
  const usable: Int32Array[] = [];
  for (const [i, source] of datasets.entries()) {
    const rows = await numbersOf(connection, await trainableRowsSql(connection, source));
    usable.push(leaveOut[i] ? rows.filter((row) => !leaveOut[i]?.has(row)) : rows);
  }
  for (const [i, { id }] of datasets.entries()) {
    if (usable[i]?.length || !leaveOut[i]?.size) continue;
    throw new DatasetError(
      `Dataset ${id} has no row left: an earlier dataset has each of them, or a similar one. Leave it out, or choose mixing.similar_rows "count".`,
    );
  }
  const planned = planMixture(requestFor(choices, new Map(datasets.map(({ id }, i) => [id, usable[i]?.length ?? 0]))));
  const shares = planned.traits.flatMap(({ trait, datasets: parts }) =>
    parts.map((share) => ({ trait, share, ...sourceOf(share.datasetId) })),
  );
  function sourceOf(id: number) {
    const i = datasets.findIndex((source) => source.id === id);
    return { source: datasets[i] as MixtureSource, usable: usable[i] as Int32Array };
  }
  await draw(connection, shares, seed);
  await readConversations(connection, shares, readsAtMost);
  const looksForSimilar = similarRows !== 'ignore' && planned.trainRows <= readsAtMost;
  if (looksForSimilar) await findSimilarRows(connection, chosenConversations(shares.length));
  await chooseHeldOut(connection, looksForSimilar && similarRows === 'drop');
  const full = withHeldOut(planned, await heldOutByDataset(connection));
  const plan = { ...full, warnings: [...full.warnings, ...(await unusedWarnings(connection, shares))] };
  if (similarRows === 'ignore') return { plan, similarRows: null, shares };
  const found: SimilarRows = {
    leftOut: datasets.flatMap(({ id }, i) => (leaveOut[i]?.size ? [{ datasetId: id, rows: leaveOut[i].size }] : [])),
    chosen: looksForSimilar
      ? { between: await similarBetween(connection, shares), heldOut: await similarHeldOut(connection) }
      : null,
  };
  return { plan: { ...plan, warnings: [...plan.warnings, ...warningsOf(found)] }, similarRows: found, shares };
}

/** Of each dataset, the numbers of the rows that are the same as, or similar to, one of an earlier dataset. */
async function rowsOfEarlierDatasets(connection: DuckDBConnection, datasets: MixtureSource[]): Promise<Set<number>[]> {
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

/** A row of a share, or of a dataset, as one number. */
function idOf(share: string, row: string): string {
  return `((${share}::BIGINT << 32) | ${row}::BIGINT)`;
}

/**
 * The table `chosen`: of each share the numbers of its training rows, with their place in the mixture, and of its
 * candidates for being held out, in their order. Drawn from the usable rows by a generator of the dataset's own.
 */
async function draw(
  connection: DuckDBConnection,
  shares: (SharedSource & { usable: Int32Array })[],
  seed: number,
): Promise<void> {
  await connection.run('CREATE TABLE chosen (share INTEGER, row_number INTEGER, is_train BOOLEAN, position INTEGER)');
  const train: { share: number; row: number }[] = [];
  const candidates: { share: number; row: number }[] = [];
  for (const [index, { share, source, usable }] of shares.entries()) {
    const { trainingRows, heldOutCandidates } = drawPlaces(share, randomIntegers(`rows:${seed}:${source.sha256}`));
    const at = (place: number) => ({ share: index, row: usable[place] ?? 0 });
    for (const place of trainingRows) train.push(at(place));
    for (const place of heldOutCandidates) candidates.push(at(place));
  }
  const appender = await connection.createAppender('chosen');
  const append = (rows: { share: number; row: number }[], order: number[], isTrain: boolean) => {
    order.forEach((place, position) => {
      const { share, row } = rows[place] as { share: number; row: number };
      appender.appendInteger(share);
      appender.appendInteger(row);
      appender.appendBoolean(isTrain);
      appender.appendInteger(position);
      appender.endRow();
    });
  };
  append(train, sample(train.length, train.length, randomIntegers(`shuffle:${seed}`)), true);
  append(candidates, [...candidates.keys()], false);
  appender.closeSync();
}

/**
 * Draws places among a dataset's rows: first those to hold out, then those to train on, then some more to hold out in the
 * place of the first. Where there are fewer training rows than allocated, they are repeated, each time in a new order.
 */
function drawPlaces({ rows, heldOut, allocated }: DatasetShare, random: (below: number) => number) {
  const once = Math.min(allocated, rows - heldOut);
  const drawn = sample(rows, heldOut + once + heldOut, random);
  const trainingRows = drawn.slice(heldOut, heldOut + once);
  const repeated: number[] = [];
  while (once + repeated.length < allocated) {
    const again = sample(once, allocated - once - repeated.length, random);
    for (const place of again) repeated.push(trainingRows[place] ?? 0);
  }
  return {
    trainingRows: [...trainingRows, ...repeated],
    heldOutCandidates: [...drawn.slice(0, heldOut), ...drawn.slice(heldOut + once)],
  };
}

async function numbersOf(connection: DuckDBConnection, sql: string): Promise<Int32Array> {
  const parts: Int32Array[] = [];
  const result = await connection.stream(sql);
  for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk())
    parts.push(Int32Array.from((chunk.getColumnVector(0) as DuckDBIntegerVector).toArray() as number[]));
  const numbers = new Int32Array(parts.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const part of parts) {
    numbers.set(part, at);
    at += part.length;
  }
  return numbers;
}

/** The chosen rows with their conversations, as the table `conversations`, and `shares`; and `train`, which are some of them. */
async function readConversations(connection: DuckDBConnection, shares: SharedSource[], most: number): Promise<void> {
  await connection.run(
    'CREATE TABLE conversations (share INTEGER, row_number INTEGER, is_train BOOLEAN, position INTEGER, messages VARCHAR, tools VARCHAR, unused VARCHAR)',
  );
  if (Number.isFinite(most)) await connection.run(`DELETE FROM chosen WHERE is_train AND position >= ${most}`);
  for (const [index, { source }] of shares.entries()) {
    const rows = `SELECT row AS file_row, messages, tools, unused FROM ${await conversationsOf(connection, source)}
      WHERE row IN (SELECT row_number FROM chosen WHERE share = ${index})`;
    await connection.run(
      `INSERT INTO conversations SELECT chosen.*, messages, tools, unused FROM (${rows}) JOIN chosen ON row_number = file_row AND share = ${index}`,
    );
  }
  await connection.run('CREATE TABLE shares (share INTEGER, trait VARCHAR, dataset_id BIGINT, held_out INTEGER)');
  const values = shares.map(
    ({ trait, share }, index) => `(${index}, ${literal(trait)}, ${share.datasetId}, ${share.heldOut})`,
  );
  await connection.run(`INSERT INTO shares VALUES ${values.join(', ')}`);
  await connection.run(
    `CREATE VIEW train AS SELECT ${COLUMNS} FROM conversations JOIN shares USING (share) WHERE is_train`,
  );
}

const COLUMNS = 'messages, tools, trait, dataset_id, row_number::BIGINT AS row_number, share, position';

/** For findSimilarRows: held-out candidates are compared with training rows of all shares, also of their own. */
function chosenConversations(shares: number): string {
  return `SELECT DISTINCT ${idOf('share', 'row_number')} AS id, CASE WHEN is_train THEN share ELSE share + ${shares} END AS part, messages FROM conversations`;
}

/** The table `held_out`, and `candidates`: those for it, with whether they were taken out for being among the training rows. */
async function chooseHeldOut(connection: DuckDBConnection, takesOutSimilar: boolean): Promise<void> {
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
const SIMILAR_TO_TRAINING = `(SELECT id, other FROM similar_rows
  WHERE id IN (SELECT ${idOf('share', 'row_number')} FROM conversations WHERE NOT is_train)
    AND other IN (SELECT ${idOf('share', 'row_number')} FROM conversations WHERE is_train))`;

async function heldOutByDataset(connection: DuckDBConnection): Promise<Map<number, number>> {
  const found = await connection.runAndReadAll('SELECT dataset_id, count(*)::INTEGER AS rows FROM held_out GROUP BY 1');
  return new Map(found.getRowObjectsJson().map(({ dataset_id, rows }) => [Number(dataset_id), Number(rows)]));
}

/** The plan with the rows that could be held out: fewer where the others are trained on as well. */
function withHeldOut(plan: MixturePlan, found: Map<number, number>): MixturePlan {
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

/** What of the training rows is not used. */
async function unusedWarnings(connection: DuckDBConnection, shares: SharedSource[]): Promise<string[]> {
  const found = await connection.runAndReadAll(
    `SELECT share, part, count(*)::INTEGER AS rows FROM (
       SELECT share, unnest(CAST(unused AS VARCHAR[])) AS part FROM (SELECT share, from_json(unused, '["VARCHAR"]') AS unused FROM conversations WHERE is_train AND unused IS NOT NULL))
     GROUP BY ALL ORDER BY ALL`,
  );
  return found.getRowObjectsJson().map(({ share, part, rows }) => {
    const id = shares[Number(share)]?.share.datasetId;
    return `Of dataset ${id}, training makes no use of ${part}, which ${rows} training rows have.`;
  });
}

async function similarBetween(
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

async function similarHeldOut(connection: DuckDBConnection): Promise<NonNullable<SimilarRows['chosen']>['heldOut']> {
  const found = await connection.runAndReadAll(
    `SELECT (SELECT count(*) FROM candidates_to_hold_out WHERE is_trained_on AND nth <= wanted)::INTEGER AS replaced,
       (SELECT count(*) FROM held_out WHERE ${idOf('share', 'row_number')} IN (SELECT id FROM ${SIMILAR_TO_TRAINING}))::INTEGER AS "similar"`,
  );
  const [row] = found.getRowObjectsJson();
  return { replaced: Number(row?.replaced), similar: Number(row?.similar) };
}

function warningsOf({ leftOut, chosen }: SimilarRows): string[] {
  const left = leftOut.map(
    ({ datasetId, rows }) =>
      `${rows} rows of dataset ${datasetId} are left out: an earlier dataset has them, or similar ones.`,
  );
  if (!chosen) return [...left, 'Similar rows are looked for when the run begins: here they are too many.'];
  const shared = chosen.between.map(
    ({ datasetId, otherDatasetId, same, similar }) =>
      `Of dataset ${datasetId}, ${same} training rows are also in dataset ${otherDatasetId}, and ${similar} are similar to one there. With mixing.similar_rows "drop" they are left out.`,
  );
  const held =
    chosen.heldOut.similar === 0
      ? []
      : [
          `${chosen.heldOut.similar} held-out rows are similar to a training row, so validation looks better than it is. With mixing.similar_rows "drop" they are replaced.`,
        ];
  return [...left, ...shared, ...held];
}
