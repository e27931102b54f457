import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isMadeFrom } from '../../src/datasets/conversation-files.ts';
import { ifThere } from '../../src/platform/files.ts';
import { until } from '../support/service.ts';
import { wrongFiles } from './evidence.ts';
import type { ChaosWorld } from './world.ts';

/** I11: what a row names is on the disk as it was. Gives a sentence for each dataset, checkpoint and model that is not. */
export async function filesOfRows(world: ChaosWorld): Promise<string[]> {
  const wrong: string[] = [];
  const datasets = await world.query<{ id: number; file_path: string; parquet_path: string; file_size: string }>(
    'SELECT id, file_path, parquet_path, file_size FROM datasets',
    [],
  );
  for (const { id, file_path, parquet_path, file_size } of datasets) {
    const [file, parquet] = await Promise.all([file_path, parquet_path].map((path) => ifThere(stat(path))));
    if (Number(file_size) !== file?.size)
      wrong.push(`the file of dataset ${id} has ${file?.size ?? 'no'} bytes, not ${file_size}`);
    if (!parquet || parquet.size === 0) wrong.push(`the rows of dataset ${id} are gone`);
  }
  // The older ones are removed as newer ones come, before the database hears of it: while it is away, all that it knows of.
  const checkpoints = await world.query<{ run_id: number; path: string; manifest_sha256: string }>(
    `SELECT DISTINCT ON (run_id) run_id, path, manifest_sha256 FROM checkpoints
     WHERE state = 'complete' AND run_id IN (SELECT id FROM runs WHERE status IN ('pending', 'queued', 'running') AND result IS NULL)
     ORDER BY run_id, lease_epoch DESC, step DESC`,
    [],
  );
  for (const { run_id, path, manifest_sha256 } of checkpoints) {
    if (world.damaged.has(run_id)) continue;
    const manifest = await ifThere(readFile(join(path, 'manifest.json')));
    const found = manifest && createHash('sha256').update(manifest).digest('hex');
    if (found === null && (await hasNewer(path))) continue;
    if (found !== manifest_sha256) {
      const beside = await readdir(dirname(path), { recursive: true }).catch(() => []);
      wrong.push(
        `the manifest of ${path} is ${manifest ? 'not what was recorded' : 'gone'}; there is ${beside.join(', ') || 'nothing'}`,
      );
    } else wrong.push(...(await wrongIn(path, manifest)).map((name) => `${name} of ${path} is not what was recorded`));
  }
  const models = await world.query<{ output_path: string; sha256: string }>(
    `SELECT output_path, result->>'weights_sha256' AS sha256 FROM runs WHERE status = 'completed'`,
    [],
  );
  for (const { output_path, sha256 } of models)
    wrong.push(...(await wrongFiles(output_path, sha256)).map((sentence) => `${output_path} ${sentence}`));
  return wrong;
}

/** Whether a whole checkpoint that was saved later by the same claim, or by a later one, has made this one superfluous. */
async function hasNewer(path: string): Promise<boolean> {
  const root = dirname(dirname(path));
  const placeOf = (one: string) =>
    one
      .match(/e(\d+)\/checkpoint-(\d+)$/)
      ?.slice(1)
      .map(Number) ?? [];
  const [epoch = 0, step = 0] = placeOf(path);
  for (const name of await readdir(root, { recursive: true })) {
    const [itsEpoch, itsStep] = placeOf(name);
    if (itsEpoch === undefined || itsStep === undefined) continue;
    if (itsEpoch < epoch || (itsEpoch === epoch && itsStep <= step)) continue;
    const manifest = await ifThere(readFile(join(root, name, 'manifest.json')));
    if (manifest && (await wrongIn(join(root, name), manifest)).length === 0) return true;
  }
  return false;
}

async function wrongIn(dir: string, manifest: Buffer | null): Promise<string[]> {
  const { files } = JSON.parse(String(manifest)) as { files: Record<string, { sha256: string }> };
  const wrong: string[] = [];
  for (const [name, { sha256 }] of Object.entries(files)) {
    const content = await ifThere(readFile(join(dir, name)));
    if (!content || createHash('sha256').update(content).digest('hex') !== sha256) wrong.push(name);
  }
  return wrong;
}

/** I6, of files: once the API has tidied up, every file of an upload belongs to a row. It is started anew, which is when it does. */
export async function orphanedUploads(world: ChaosWorld): Promise<string[]> {
  const { home } = world.service.env;
  const api = await world.processOf('api');
  if (api !== null) process.kill(api, 'SIGKILL');
  const notes = join(home, 'uploads', 'unfinished');
  const left = await until(
    'the notes of uploads to be decided',
    async () => ((await readdir(notes)).length === 0 ? [] : null),
    60_000,
  ).catch(() => readdir(notes));
  const rows = await world.query<{ file_path: string; parquet_path: string }>(
    'SELECT file_path, parquet_path FROM datasets',
    [],
  );
  const named = new Set(rows.flatMap(({ file_path, parquet_path }) => [basename(file_path), basename(parquet_path)]));
  const files = await Promise.all(
    ['uploads', 'datasets'].map(async (folder) => await readdir(join(home, folder), { withFileTypes: true })),
  );
  return [
    ...left.map((name) => `the note ${name} of an upload was left`),
    ...files
      .flat()
      .flatMap((file) =>
        file.isFile() && !named.has(file.name) && !isMadeFrom(file.name)
          ? [`the file ${file.name} belongs to no row`]
          : [],
      ),
  ];
}
