import { readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Env } from '../env.ts';
import { RUN_CARD } from '../models/ids-on-disk.ts';
import type { Run } from '../models/run.ts';

/** The folder of a run's working files. */
export function runDir(env: Env, runId: number): string {
  return join(env.home, 'runs', String(runId));
}

/** Where the files of a run lie. */
export function runFiles(env: Env, run: Run) {
  const dir = runDir(env, run.id);
  const { workflow_id: name, spec } = run;
  return {
    dir,
    /** What the run is, for whoever has lost the database. */
    card: join(dir, RUN_CARD),
    /** Which revision of its base model it trains, see pinned-model.ts. */
    model: join(dir, 'model.json'),
    mixture: join(dir, 'mixture'),
    train: join(dir, 'mixture', 'train.parquet'),
    heldOut: join(dir, 'mixture', 'held_out.parquet'),
    /** What trainers told, one file `e<epoch>.jsonl` per claim: written by them, also while the database is away. */
    trainerEvents: join(dir, 'events'),
    /** What validation found, also of a model that was not published. */
    report: join(dir, 'report'),
    /** The published model. Projects may share an output directory: the folder is named as the workflow is. */
    output: join(spec.output_directory, name),
    /** Names of unpublished models begin like this; the claim's epoch follows, so that no two claims share one. */
    stagingPrefix: `.${name}.partial-e`,
    staging: (leaseEpoch: number) => join(spec.output_directory, `.${name}.partial-e${leaseEpoch}`),
  };
}

export type RunFiles = ReturnType<typeof runFiles>;

/** Removes models of a run that nobody published. */
export async function removeStaging({ stagingPrefix, output }: RunFiles): Promise<void> {
  const names = await readdir(dirname(output)).catch(() => []);
  const leftovers = names.filter((name) => name.startsWith(stagingPrefix));
  await Promise.all(leftovers.map((name) => rm(join(dirname(output), name), { recursive: true, force: true })));
}
