import { writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { DuckDBConnection, DuckDBIntegerVector } from '@duckdb/node-api';
import { sha256OfFile } from '../files.ts';
import { DatasetError } from './dataset-error.ts';
import { literal, withDuckDb } from './duckdb.ts';
import type { DatasetShare, MixturePlan } from './mixing.ts';
import { MANIFEST, type MixtureManifest } from './mixture.ts';
import { RANDOM_VERSION, randomIntegers, sample } from './random.ts';
import { conversationSql } from './row-format.ts';
import { type RowSource, trainableRowsSql } from './trainable-rows.ts';

export interface MixtureSource extends RowSource {
  /** Of the file that was uploaded: the choice of rows depends on it, and on nothing of this machine. */
  sha256: string;
}

export interface MixRequest {
  plan: MixturePlan;
  datasets: MixtureSource[];
  seed: number;
  dir: string;
  /** What is written does not depend on it. */
  threads?: number;
}

const MEMORY = '512MB';

/**
 * Chooses the planned rows and writes train.parquet, held_out.parquet (messages and tools as JSON text, trait,
 * dataset_id, row_number) and the manifest into `dir`. The same plan, datasets and seed give the same bytes on every
 * machine. A held-out row whose conversation also is among the training rows, of whichever dataset, is left out; another
 * one of its dataset takes its place where there is one.
 */
export async function mix(request: MixRequest): Promise<MixtureManifest> {
  const { plan, datasets, seed, dir, threads } = request;
  const shares = plan.traits.flatMap((trait) =>
    trait.datasets.map((share) => withSource(share, trait.trait, datasets)),
  );
  const folders = [dir, ...datasets.map(({ parquetPath }) => dirname(parquetPath))];
  return await withDuckDb({ memory: MEMORY, folders, threads }, async (connection) => {
    await chooseRows(connection, shares, seed);
    await readConversations(connection, shares);
    // What is written in parallel may be split into row groups in more than one way.
    await connection.run('SET threads = 1');
    const manifest: MixtureManifest = {
      mixing_version: plan.version,
      random_version: RANDOM_VERSION,
      seed,
      datasets: datasets.map(({ id, sha256 }) => ({ id, sha256 })),
      counts: await countsOf(connection, shares),
      train: await writeRows(connection, 'train', join(dir, 'train.parquet')),
      held_out: await writeRows(connection, 'held_out', join(dir, 'held_out.parquet')),
    };
    await writeFile(join(dir, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);
    return manifest;
  });
}

type SharedSource = { trait: string; share: DatasetShare; source: MixtureSource };

function withSource(share: DatasetShare, trait: string, datasets: MixtureSource[]): SharedSource {
  const source = datasets.find(({ id }) => id === share.datasetId);
  if (!source) throw new DatasetError(`Dataset ${share.datasetId} of the trait ${trait} is not there any more.`);
  return { trait, share, source };
}

/**
 * The table `chosen`: of each share the numbers of its training rows, with their place in the mixture, and of its
 * candidates for being held out, in their order. Drawn from the usable rows by a generator of the dataset's own.
 */
async function chooseRows(connection: DuckDBConnection, shares: SharedSource[], seed: number): Promise<void> {
  await connection.run('CREATE TABLE chosen (share INTEGER, row_number INTEGER, is_train BOOLEAN, position INTEGER)');
  const train: { share: number; row: number }[] = [];
  const candidates: { share: number; row: number }[] = [];
  for (const [index, { share, source }] of shares.entries()) {
    const usable = await usableRows(connection, source);
    if (usable.length !== share.rows)
      throw new Error(`Dataset ${source.id} has ${usable.length} rows to choose from, and ${share.rows} in the plan.`);
    const { trainingRows, heldOutCandidates } = draw(share, randomIntegers(`rows:${seed}:${source.sha256}`));
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
function draw({ rows, heldOut, allocated }: DatasetShare, random: (below: number) => number) {
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

async function usableRows(connection: DuckDBConnection, source: MixtureSource): Promise<Int32Array> {
  const parts: Int32Array[] = [];
  const result = await connection.stream(trainableRowsSql(source));
  for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk())
    parts.push(Int32Array.from((chunk.getColumnVector(0) as DuckDBIntegerVector).toArray() as number[]));
  const rows = new Int32Array(parts.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const part of parts) {
    rows.set(part, at);
    at += part.length;
  }
  return rows;
}

/** The tables `train` and `held_out`: the chosen rows with their conversations. */
async function readConversations(connection: DuckDBConnection, shares: SharedSource[]): Promise<void> {
  await connection.run(
    'CREATE TABLE conversations (share INTEGER, row_number INTEGER, is_train BOOLEAN, position INTEGER, messages VARCHAR, tools VARCHAR)',
  );
  for (const [index, { source }] of shares.entries()) {
    const { messages, tools } = conversationSql(source.mapping);
    // The conversation by itself, since its expressions name columns of the user's.
    const rows = `SELECT file_row_number AS file_row, ${messages} AS messages, ${tools} AS tools
      FROM read_parquet(${literal(source.parquetPath)}, file_row_number=true)
      WHERE file_row_number IN (SELECT row_number FROM chosen WHERE share = ${index})`;
    await connection.run(
      `INSERT INTO conversations SELECT chosen.*, messages, tools FROM (${rows}) JOIN chosen ON row_number = file_row AND share = ${index}`,
    );
  }
  await connection.run('CREATE TABLE shares (share INTEGER, trait VARCHAR, dataset_id BIGINT, held_out INTEGER)');
  const values = shares.map(
    ({ trait, share }, index) => `(${index}, ${literal(trait)}, ${share.datasetId}, ${share.heldOut})`,
  );
  await connection.run(`INSERT INTO shares VALUES ${values.join(', ')}`);
  const columns = 'messages, tools, trait, dataset_id, row_number::BIGINT AS row_number, share, position';
  await connection.run(
    `CREATE VIEW train AS SELECT ${columns} FROM conversations JOIN shares USING (share) WHERE is_train`,
  );
  await connection.run(
    `CREATE TABLE held_out AS SELECT ${columns} FROM conversations AS candidate JOIN shares USING (share)
     WHERE NOT is_train AND NOT EXISTS (FROM conversations WHERE is_train AND messages = candidate.messages)
     QUALIFY row_number() OVER (PARTITION BY share ORDER BY position) <= held_out`,
  );
}

async function countsOf(connection: DuckDBConnection, shares: SharedSource[]): Promise<MixtureManifest['counts']> {
  const count = async (table: string) => {
    const found = await connection.runAndReadAll(
      `SELECT share, count(*)::INTEGER AS rows FROM ${table} GROUP BY share`,
    );
    return new Map(found.getRowObjectsJson().map(({ share, rows }) => [Number(share), Number(rows)]));
  };
  const [train, heldOut] = [await count('train'), await count('held_out')];
  return shares.map(({ trait, share }, index) => ({
    trait,
    dataset_id: share.datasetId,
    train: train.get(index) ?? 0,
    held_out: heldOut.get(index) ?? 0,
  }));
}

async function writeRows(connection: DuckDBConnection, table: 'train' | 'held_out', path: string) {
  await connection.run(
    `COPY (SELECT messages, tools, trait, dataset_id, row_number FROM ${table} ORDER BY position) TO ${literal(path)} (FORMAT parquet, COMPRESSION zstd)`,
  );
  const found = await connection.runAndReadAll(`SELECT count(*)::INTEGER AS rows FROM ${table}`);
  return { file: basename(path), rows: Number(found.getRowObjectsJson()[0]?.rows), sha256: await sha256OfFile(path) };
}
