import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { z } from 'zod';
import { sha256OfFile } from '../files.ts';
import { DatasetError } from './dataset-error.ts';
import { literal, withDuckDb } from './duckdb.ts';
import type { MixturePlan } from './mixing.ts';
import { RANDOM_VERSION, randomIntegers, sample } from './random.ts';
import { readRows } from './read-rows.ts';
import { type Mapping, toMessages } from './row-format.ts';

export interface MixtureSource {
  id: number;
  parquetPath: string;
  sha256: string;
  mapping: Mapping;
}

const part = z.object({ file: z.string(), rows: z.number().int(), sha256: z.string() });
const ManifestSchema = z.object({
  mixing_version: z.number().int(),
  random_version: z.string(),
  seed: z.number().int(),
  datasets: z.array(z.object({ id: z.number().int(), sha256: z.string() })),
  counts: z.array(
    z.object({ trait: z.string(), dataset_id: z.number().int(), train: z.number().int(), held_out: z.number().int() }),
  ),
  train: part,
  held_out: part,
});
export type MixtureManifest = z.infer<typeof ManifestSchema>;

interface ChosenRow {
  trait: string;
  dataset_id: number;
  row_number: number;
  messages: string;
}

const MANIFEST = 'mixture.json';

/** The manifest of a mixture that is there in whole, or null. */
export async function readMixtureManifest(dir: string): Promise<MixtureManifest | null> {
  const text = await readFile(join(dir, MANIFEST), 'utf8').catch(() => null);
  return text === null ? null : ManifestSchema.parse(JSON.parse(text));
}

/**
 * Chooses the planned rows and writes train.parquet, held_out.parquet (messages as JSON text, trait, dataset_id,
 * row_number) and the manifest. The same plan, datasets and seed give the same bytes. `dir` appears when all of it is
 * written. A held-out row whose conversation also is among the training rows, of whichever dataset, is left out.
 */
export async function writeMixture(options: {
  plan: MixturePlan;
  datasets: MixtureSource[];
  seed: number;
  dir: string;
}): Promise<MixtureManifest> {
  const { plan, seed, dir } = options;
  await mkdir(dirname(dir), { recursive: true });
  for (const name of await readdir(dirname(dir)))
    if (name.startsWith(`${basename(dir)}.partial`)) await rm(join(dirname(dir), name), { recursive: true });
  // Of its own: an attempt that was given up may still be at work in another.
  const partial = `${dir}.partial-${randomUUID()}`;
  await mkdir(partial);
  return await withDuckDb('1GB', async (connection) => {
    const train: ChosenRow[] = [];
    let heldOut: ChosenRow[] = [];
    for (const trait of plan.traits) {
      for (const share of trait.datasets) {
        const source = options.datasets.find(({ id }) => id === share.datasetId);
        if (!source)
          throw new DatasetError(`Dataset ${share.datasetId} of the trait ${trait.trait} is not there any more.`);
        const chosen = await chooseRows(connection, trait.trait, source, share, seed);
        train.push(...chosen.train);
        heldOut.push(...chosen.heldOut);
      }
    }
    const trained = new Set(train.map(({ messages }) => messages));
    heldOut = heldOut.filter(({ messages }) => !trained.has(messages));
    const shuffled = sample(train, train.length, randomIntegers(`shuffle:${seed}`));
    const manifest: MixtureManifest = {
      mixing_version: plan.version,
      random_version: RANDOM_VERSION,
      seed,
      datasets: options.datasets.map(({ id, sha256 }) => ({ id, sha256 })),
      counts: plan.traits.flatMap(({ trait, datasets }) =>
        datasets.map(({ datasetId }) => ({
          trait,
          dataset_id: datasetId,
          train: train.filter((row) => row.trait === trait && row.dataset_id === datasetId).length,
          held_out: heldOut.filter((row) => row.trait === trait && row.dataset_id === datasetId).length,
        })),
      ),
      train: await writeRows(connection, shuffled, join(partial, 'train.parquet')),
      held_out: await writeRows(connection, heldOut, join(partial, 'held_out.parquet')),
    };
    await writeFile(join(partial, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);
    await rm(dir, { recursive: true, force: true });
    await rename(partial, dir);
    return manifest;
  });
}

/** Held-out rows first, then training rows, both drawn from the usable ones by a generator of this dataset's own. */
async function chooseRows(
  connection: DuckDBConnection,
  trait: string,
  source: MixtureSource,
  share: { heldOut: number; allocated: number },
  seed: number,
): Promise<{ train: ChosenRow[]; heldOut: ChosenRow[] }> {
  const usable: number[] = [];
  const conversations = async function* () {
    for await (const { row, rowNumber } of readRows(connection, source.parquetPath, Object.values(source.mapping))) {
      const messages = toMessages(row, source.mapping);
      if (Array.isArray(messages)) yield { rowNumber, messages };
    }
  };
  for await (const { rowNumber } of conversations()) usable.push(rowNumber);
  const drawn = sample(usable, share.heldOut + share.allocated, randomIntegers(`rows:${seed}:${source.sha256}`));
  const wanted = new Map(drawn.map((rowNumber, position) => [rowNumber, position]));
  const rows: ChosenRow[] = new Array(drawn.length);
  for await (const { rowNumber, messages } of conversations()) {
    const position = wanted.get(rowNumber);
    if (position === undefined) continue;
    rows[position] = { trait, dataset_id: source.id, row_number: rowNumber, messages: JSON.stringify(messages) };
  }
  return { heldOut: rows.slice(0, share.heldOut), train: rows.slice(share.heldOut) };
}

async function writeRows(connection: DuckDBConnection, rows: ChosenRow[], path: string) {
  const lines = `${path}.jsonl`;
  const file = await open(lines, 'w');
  for (const row of rows) await file.appendFile(`${JSON.stringify(row)}\n`);
  await file.close();
  const columns = "{messages: 'VARCHAR', trait: 'VARCHAR', dataset_id: 'BIGINT', row_number: 'BIGINT'}";
  const select = `SELECT * FROM read_json(${literal(lines)}, format='newline_delimited', columns=${columns}, maximum_object_size=67108864)`;
  await connection.run(`COPY (${select}) TO ${literal(path)} (FORMAT parquet, COMPRESSION zstd)`);
  await rm(lines);
  return { file: path.slice(dirname(path).length + 1), rows: rows.length, sha256: await sha256OfFile(path) };
}
