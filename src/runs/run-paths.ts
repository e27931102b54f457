import { join } from 'node:path';
import type { Env } from '../platform/env.ts';

/** What a run's folder says of the run, so that it can be known without the database. */
export const RUN_CARD = 'about.json';

/** The folders of all runs' working files, one for each by its id. */
export function runsDir({ home }: Pick<Env, 'home'>): string {
  return join(home, 'runs');
}

/** What trainers keep for one another (trainer/base_models/four_bits.py, file_facts.py): nothing that could not be made again. */
export function cacheDir({ home }: Pick<Env, 'home'>): string {
  return join(home, 'cache');
}

/** What decides where the files of a run lie. */
export interface PlacedRun {
  id: number;
  workflow_id: string;
  spec: { output_directory: string };
}

/** Where the files of a run lie. */
export function runPaths(env: Pick<Env, 'home'>, { id, workflow_id: name, spec }: PlacedRun) {
  const dir = join(runsDir(env), String(id));
  return {
    dir,
    /** What the run is, for whoever has lost the database. */
    card: join(dir, RUN_CARD),
    /** Which revision of its base model it trains, see pinned-model.ts. */
    model: join(dir, 'model.json'),
    /** The same of the model that makes its index, where the base model answers (rag). */
    embeddingModel: join(dir, 'embedding-model.json'),
    mixture: join(dir, 'mixture'),
    train: join(dir, 'mixture', 'train.parquet'),
    heldOut: join(dir, 'mixture', 'held_out.parquet'),
    checkpoints: join(dir, 'checkpoints'),
    /** Those that somebody pinned, see pinned-checkpoints.ts. */
    pinned: join(dir, 'pinned'),
    /** What trainers told, one file `e<epoch>.jsonl` per claim: written by them, also while the database is away. */
    trainerEvents: join(dir, 'events'),
    logs: join(dir, 'logs'),
    /** Its model in other formats, a folder for each export by its id. */
    exports: join(dir, 'exports'),
    /** What validation found, also of a model that was not published. */
    report: join(dir, 'report'),
    /** The published model. Projects may share an output directory: the folder is named as the workflow is. */
    output: join(spec.output_directory, name),
    /** Names of unpublished models begin like this; the claim's epoch follows, so that no two claims share one. */
    stagingPrefix: `.${name}.partial-e`,
    staging: (leaseEpoch: number) => join(spec.output_directory, `.${name}.partial-e${leaseEpoch}`),
  };
}

export type RunPaths = ReturnType<typeof runPaths>;
