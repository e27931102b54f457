import type { Attributes, Transaction } from 'sequelize';
import type { Dataset } from '../datasets/dataset.ts';
import { prepare, rowFromJson, rowsOf } from '../prepared.ts';
import { runParts } from '../runs/create-run.ts';
import { SHOWN_OF_RUN, type ShownRun, type WithLatestRun } from '../runs/latest-run.ts';
import { Run } from '../runs/run.ts';
import type { RunSpec } from '../runs/run-spec.ts';
import type { TrainingDefaults } from '../settings/training-config.ts';
import { Job } from './job.ts';

/** What a job is made from. */
export interface Ground {
  /** Nobody else gets it. */
  jobId: number;
  config: TrainingDefaults;
  dataset: Pick<Dataset, 'name' | 'columns' | 'usable_row_count' | 'mapping' | 'sha256' | 'source_sha256'> | null;
}

const GROUND = prepare(`
  SELECT nextval(pg_get_serial_sequence('jobs', 'id'))::int AS "jobId", to_json(config) AS config, to_json(dataset) AS dataset
  FROM training_config AS config
  LEFT JOIN (SELECT id, name, columns, usable_row_count, mapping, sha256, source_sha256 FROM datasets WHERE id = $1) AS dataset ON true
  WHERE config.id = 1`);

export async function groundOfJob(datasetId: number, transaction: Transaction | null): Promise<Ground> {
  const [ground] = await rowsOf<Ground>(GROUND, [datasetId], transaction);
  if (!ground) throw new Error('The configuration has no row; `mtm migrate` puts it there.');
  return ground;
}

/** What a job is made with, in the order in which the statement below takes it. */
const CHOSEN = [
  'id',
  'name',
  'description',
  'dataset_id',
  'training_type',
  'model_name',
  'embedding_model',
  'batch_size',
  'learning_rate',
  'epochs',
  'lora_r',
  'lora_alpha',
  'lora_dropout',
  'hyperparameters',
] as const satisfies (keyof Attributes<Job>)[];
export type NewJobRow = Pick<Attributes<Job>, (typeof CHOSEN)[number]>;

const [SPEC, ...VALUES] = ['spec', ...CHOSEN].map((_name, index) => `$${index + 1}`);

const INSERT = prepare(`
  WITH ${runParts('job', { ownerId: VALUES[0] ?? '', resumesRunId: 'NULL', spec: SPEC ?? '' })}, job AS (
    INSERT INTO jobs (${CHOSEN.join(', ')}, latest_run_id, created_at, updated_at) OVERRIDING SYSTEM VALUE
    SELECT ${VALUES.join(', ')}, next.id, date_trunc('milliseconds', now()), date_trunc('milliseconds', now()) FROM next
    RETURNING *
  )
  SELECT to_json(job) AS job, to_json(shown) AS run FROM job, (SELECT ${SHOWN_OF_RUN.join(', ')} FROM run) AS shown`);

/**
 * Adds a job and its first run, by one statement: all of it or nothing, without a transaction as well.
 * @throws ForeignKeyConstraintError when its dataset was deleted meanwhile
 */
export async function addJob(
  job: NewJobRow,
  spec: RunSpec,
  transaction: Transaction | null,
): Promise<WithLatestRun<Attributes<Job>>> {
  const values = CHOSEN.map((name) => job[name]);
  const [added] = await rowsOf<{ job: Attributes<Job>; run: ShownRun }>(INSERT, [spec, ...values], transaction);
  if (!added) throw new Error(`The job ${job.id} was not added.`);
  return { ...rowFromJson(Job, added.job), latestRun: rowFromJson(Run, added.run) };
}
