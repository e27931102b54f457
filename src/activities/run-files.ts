import { join } from 'node:path';
import type { Env } from '../env.ts';
import type { Run } from '../models/run.ts';

/** Where the files of a run lie. */
export function runFiles(env: Env, run: Run) {
  const dir = join(env.home, 'runs', String(run.id));
  const output = join(run.spec.output_directory, `run-${run.number}`);
  return {
    dir,
    mixture: join(dir, 'mixture'),
    train: join(dir, 'mixture', 'train.parquet'),
    heldOut: join(dir, 'mixture', 'held_out.parquet'),
    /** The published model. */
    output,
    /** Names of unpublished models begin like this; the claim's epoch follows, so that no two claims share one. */
    stagingPrefix: `.run-${run.number}.partial-e`,
    staging: (leaseEpoch: number) => join(run.spec.output_directory, `.run-${run.number}.partial-e${leaseEpoch}`),
  };
}
