import type { DuckDBConnection } from '@duckdb/node-api';
import { COLUMNS, type MixtureSource, numbersOf, type SharedSource } from './chosen-tables.ts';
import { conversationsOf } from './conversations.ts';
import { DatasetError } from './dataset-error.ts';
import { chooseHeldOut, heldOutByDataset, markTrainable, withHeldOut } from './held-out-rows.ts';
import {
  type DatasetShare,
  type MixtureChoices,
  type MixturePlan,
  planMixture,
  requestFor,
  type SimilarRowsChoice,
} from './mixing-rule.ts';
import { randomIntegers, sample } from './random.ts';
import {
  chosenConversations,
  rowsOfEarlierDatasets,
  type SimilarRows,
  similarBetween,
  similarHeldOut,
  warningsOf,
} from './rows-in-common.ts';
import { findSimilarRows } from './similar-rows.ts';
import { literal } from './sql.ts';
import { trainableRowsSql } from './trainable-rows.ts';

/** Everything that decides which rows a mixture has. */
export interface MixtureSpec {
  choices: MixtureChoices;
  /** Those of all shares, and then those that held-out rows alone come from. */
  datasets: MixtureSource[];
  seed: number;
  /** Default: count. */
  similarRows?: SimilarRowsChoice | undefined;
}

export interface ChosenRows {
  plan: MixturePlan;
  similarRows: SimilarRows | null;
  shares: SharedSource[];
}

/**
 * Plans a mixture and chooses its rows, as the tables `train` and `held_out` (messages, rejected and tools as JSON text, trait,
 * dataset_id, row_number, share, position). A held-out row whose conversation also is among the training rows, of whichever
 * dataset, is left out; another one of its dataset takes its place where there is one. Where they are `fixed`, one that also is among
 * the rows that another mixture may train on is left out, and none takes its place: both would depend on the shares.
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
  const isFixed = choices.heldOut === 'fixed';
  await draw(connection, shares, seed, isFixed ? 'none' : 'replace');
  await readConversations(connection, shares, readsAtMost);
  const looksForSimilar = similarRows !== 'ignore' && planned.trainRows <= readsAtMost;
  if (looksForSimilar) await findSimilarRows(connection, chosenConversations(shares.length));
  if (isFixed) await markTrainable(connection, shares);
  await chooseHeldOut(connection, { takesOutSimilar: looksForSimilar && similarRows === 'drop', isFixed });
  const full = withHeldOut(planned, await heldOutByDataset(connection));
  const plan = { ...full, warnings: [...full.warnings, ...(await unusedWarnings(connection, shares))] };
  if (similarRows === 'ignore') return { plan, similarRows: null, shares };
  const found: SimilarRows = {
    leftOut: datasets.flatMap(({ id }, i) => (leaveOut[i]?.size ? [{ datasetId: id, rows: leaveOut[i].size }] : [])),
    chosen: looksForSimilar
      ? { between: await similarBetween(connection, shares), heldOut: await similarHeldOut(connection) }
      : null,
  };
  return { plan: { ...plan, warnings: [...plan.warnings, ...warningsOf(found, isFixed)] }, similarRows: found, shares };
}

/**
 * The table `chosen`: of each share the numbers of its training rows, with their place in the mixture, and of its
 * candidates for being held out, in their order. Drawn from the usable rows by a generator of the dataset's own.
 */
async function draw(
  connection: DuckDBConnection,
  shares: (SharedSource & { usable: Int32Array })[],
  seed: number,
  spares: 'replace' | 'none',
): Promise<void> {
  await connection.run('CREATE TABLE chosen (share INTEGER, row_number INTEGER, is_train BOOLEAN, position INTEGER)');
  const train: { share: number; row: number }[] = [];
  const candidates: { share: number; row: number }[] = [];
  for (const [index, { share, source, usable }] of shares.entries()) {
    const places = drawPlaces(share, randomIntegers(`rows:${seed}:${source.sha256}`));
    const { trainingRows, heldOut, spare } = places;
    const heldOutCandidates = spares === 'replace' ? [...heldOut, ...spare] : heldOut;
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
    heldOut: drawn.slice(0, heldOut),
    spare: drawn.slice(heldOut + once),
  };
}

/** The chosen rows with their conversations, as the table `conversations`, and `shares`; and `train`, which are some of them. */
async function readConversations(connection: DuckDBConnection, shares: SharedSource[], most: number): Promise<void> {
  await connection.run(
    'CREATE TABLE conversations (share INTEGER, row_number INTEGER, is_train BOOLEAN, position INTEGER, messages VARCHAR, rejected VARCHAR, tools VARCHAR, unused VARCHAR)',
  );
  if (Number.isFinite(most)) await connection.run(`DELETE FROM chosen WHERE is_train AND position >= ${most}`);
  for (const [index, { source }] of shares.entries()) {
    const rows = `SELECT row AS file_row, messages, rejected, tools, unused FROM ${await conversationsOf(connection, source)}
      WHERE row IN (SELECT row_number FROM chosen WHERE share = ${index})`;
    await connection.run(
      `INSERT INTO conversations SELECT chosen.*, messages, rejected, tools, unused FROM (${rows}) JOIN chosen ON row_number = file_row AND share = ${index}`,
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
