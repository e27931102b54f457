import { join } from 'node:path';
import type { Env } from '../env.ts';
import type { Run } from '../models/run.ts';

/** Where the files of a run lie. */
export function runFiles(env: Env, run: Run) {
  const dir = join(env.home, 'runs', String(run.id));
  const { workflow_id: name, spec } = run;
  return {
    dir,
    mixture: join(dir, 'mixture'),
    train: join(dir, 'mixture', 'train.parquet'),
    heldOut: join(dir, 'mixture', 'held_out.parquet'),
    /** What trainers told, one file `e<epoch>.jsonl` per claim: written by them, also while the database is away. */
    trainerEvents: join(dir, 'events'),
    /** The published model. Projects may share an output directory: the folder is named as the workflow is. */
    output: join(spec.output_directory, name),
    /** Names of unpublished models begin like this; the claim's epoch follows, so that no two claims share one. */
    stagingPrefix: `.${name}.partial-e`,
    staging: (leaseEpoch: number) => join(spec.output_directory, `.${name}.partial-e${leaseEpoch}`),
  };
}

export type RunFiles = ReturnType<typeof runFiles>;
