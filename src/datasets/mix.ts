import { writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { sha256OfFile } from '../platform/files.ts';
import { chooseRows, type MixtureSpec } from './chosen-rows.ts';
import type { SharedSource } from './chosen-tables.ts';
import { DatasetError } from './dataset-error.ts';
import { withDuckDb } from './duckdb.ts';
import { type KeptPlan, MANIFEST, type MixtureManifest, PLAN } from './mixture.ts';
import { RANDOM_VERSION } from './random.ts';
import { literal } from './sql.ts';

export interface MixRequest extends MixtureSpec {
  dir: string;
  /** What is written does not depend on it. */
  threads?: number;
}

const MEMORY = { memory: '512MB', moreMemory: '1536MB' };

/**
 * Plans a mixture and writes train.parquet, held_out.parquet (messages, tools and, of preferences, rejected as JSON text, trait,
 * dataset_id, row_number), the plan and the manifest into `dir`. The same choices, datasets and seed give the same bytes on every machine.
 * @throws DatasetError when nothing is left to train on, or as planMixture does
 */
export async function mix({ dir, threads, ...spec }: MixRequest): Promise<MixtureManifest> {
  const { datasets, seed } = spec;
  const folders = [dir, ...datasets.map(({ parquetPath }) => dirname(parquetPath))];
  return await withDuckDb({ ...MEMORY, folders, threads }, async (connection) => {
    const { plan, similarRows, shares } = await chooseRows(connection, spec);
    if (plan.trainRows === 0)
      throw new DatasetError('The mixture has no training row: its datasets or max_rows are too small.');
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
    const kept: KeptPlan = { ...plan, similarRows };
    await writeFile(join(dir, PLAN), `${JSON.stringify(kept, null, 2)}\n`);
    await writeFile(join(dir, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);
    return manifest;
  });
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
  // Mixtures of other rows stay the bytes that they were before there were preferences.
  const ofPreferences = await connection.runAndReadAll(`SELECT 1 FROM ${table} WHERE rejected IS NOT NULL LIMIT 1`);
  const rejected = ofPreferences.currentRowCount > 0 ? 'rejected, ' : '';
  await connection.run(
    `COPY (SELECT messages, ${rejected}tools, trait, dataset_id, row_number FROM ${table} ORDER BY position) TO ${literal(path)} (FORMAT parquet, COMPRESSION zstd)`,
  );
  const found = await connection.runAndReadAll(`SELECT count(*)::INTEGER AS rows FROM ${table}`);
  return { file: basename(path), rows: Number(found.getRowObjectsJson()[0]?.rows), sha256: await sha256OfFile(path) };
}
