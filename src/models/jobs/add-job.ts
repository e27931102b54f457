import type { Attributes, Transaction } from 'sequelize';
import type { Dataset } from '../datasets/dataset.ts';
import { withinLimits } from '../keys/limits.ts';
import { batchedOutsideTransactions, keysOf, prepare, rowFromJson, rowsOf } from '../prepared.ts';
import { runParts } from '../runs/create-run.ts';
import { SHOWN_OF_RUN, type ShownRun, type WithLatestRun } from '../runs/latest-run.ts';
import type { QueueChoices } from '../runs/queue-choices.ts';
import { Run } from '../runs/run.ts';
import type { RunSpec } from '../runs/run-spec.ts';
import type { TrainingDefaults } from '../settings/training-config.ts';
import { Job } from './job.ts';

/** What a job is made from. */
export interface Ground {
  /** Nobody else gets it. */
  jobId: number;
  config: TrainingDefaults;
  dataset: ChosenDataset | null;
  validationDataset: ChosenDataset | null;
}

const OF_DATASET = [
  'id',
  'name',
  'columns',
  'usable_row_count',
  'mapping',
  'sha256',
  'source_sha256',
] as const satisfies (keyof Attributes<Dataset>)[];
type ChosenDataset = Pick<Attributes<Dataset>, (typeof OF_DATASET)[number]>;

const GROUND = prepare(`
  SELECT to_json(config) AS config,
    (SELECT json_agg(nextval((SELECT pg_get_serial_sequence('jobs', 'id')))) FROM generate_series(1, $2::int)) AS "jobIds",
    (SELECT json_agg(dataset) FROM (SELECT ${OF_DATASET.join(', ')} FROM datasets WHERE id = ANY($1::int[])) AS dataset) AS datasets
  FROM training_config AS config WHERE config.id = 1`);

type AskedDatasets = Pick<Attributes<Job>, 'dataset_id' | 'validation_dataset_id'>;

/** @param asked of so many jobs */
async function groundOfJobs(asked: AskedDatasets[], transaction: Transaction | null): Promise<Ground[]> {
  const ids = asked.flatMap(({ dataset_id, validation_dataset_id: id }) =>
    id === null ? dataset_id : [dataset_id, id],
  );
  const values = [keysOf(ids), asked.length];
  const [ground] = await rowsOf<{ config: TrainingDefaults; jobIds: number[]; datasets: ChosenDataset[] | null }>(
    GROUND,
    values,
    transaction,
  );
  if (!ground) throw new Error('The configuration has no row; `mtm migrate` puts it there.');
  const { config, jobIds } = ground;
  const datasets = new Map(ground.datasets?.map((dataset) => [dataset.id, dataset]));
  const datasetOf = (id: number | null | undefined) => datasets.get(id ?? 0) ?? null;
  return jobIds.map((jobId, index) => ({
    jobId,
    config,
    dataset: datasetOf(asked[index]?.dataset_id),
    validationDataset: datasetOf(asked[index]?.validation_dataset_id),
  }));
}

export const groundOfJob = batchedOutsideTransactions(groundOfJobs);

/** What a job is made with. */
const CHOSEN = [
  'id',
  'name',
  'description',
  'dataset_id',
  'validation_dataset_id',
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
  'starts_from',
  'trackers',
  'created_by',
] as const satisfies (keyof Attributes<Job>)[];
export type NewJobRow = Pick<Attributes<Job>, (typeof CHOSEN)[number]>;

/** With what its first run is to do. */
export interface NewJob {
  job: NewJobRow;
  spec: RunSpec;
  queue: QueueChoices;
  /** Of what asks for it: jobs of several requests are added together. */
  traceParent: string | null;
  /** That its run counts for. */
  keyId: number | null;
}
interface AddedJob {
  job: Attributes<Job>;
  run: ShownRun;
}

const RUNS =
  'json_to_recordset($2::json) AS asked (owner_id int, resumes_run_id int, spec jsonb, queue jsonb, asked_by text, trace_parent text, key_id int)';
const INSERT = prepare(`
  WITH ${runParts('job', RUNS)}, job AS (
    INSERT INTO jobs (${CHOSEN.join(', ')}, latest_run_id, created_at, updated_at) OVERRIDING SYSTEM VALUE
    SELECT ${CHOSEN.map((name) => `chosen.${name}`).join(', ')}, next.id,
      date_trunc('milliseconds', now()), date_trunc('milliseconds', now())
    FROM json_populate_recordset(NULL::jobs, $1::json) AS chosen JOIN next ON next.owner_id = chosen.id
    RETURNING *
  )
  SELECT to_json(job) AS job, to_json(shown) AS run
  FROM job JOIN (SELECT ${SHOWN_OF_RUN.join(', ')} FROM run) AS shown ON shown.id = job.latest_run_id`);

async function addJobs(jobs: NewJob[], transaction: Transaction | null): Promise<WithLatestRun<Attributes<Job>>[]> {
  const chosen = JSON.stringify(jobs.map(({ job }) => job));
  const runs = JSON.stringify(
    jobs.map(({ job, spec, queue, traceParent, keyId }) => ({
      owner_id: job.id,
      spec,
      queue,
      asked_by: job.created_by,
      trace_parent: traceParent,
      key_id: keyId,
    })),
  );
  const rows = await rowsOf<AddedJob>(INSERT, [chosen, runs], transaction);
  const added = new Map(
    rows.map(({ job, run }) => [job.id, { ...rowFromJson(Job, job), latestRun: rowFromJson(Run, run) }]),
  );
  return jobs.map(({ job: { id } }) => {
    const found = added.get(id);
    if (!found) throw new Error(`The job ${id} was not added.`);
    return found;
  });
}

const addOne = batchedOutsideTransactions(addJobs);

/**
 * Adds a job and its first run, by one statement: all of it or nothing, without a transaction as well.
 * @throws LimitReachedError; ForeignKeyConstraintError when its dataset was deleted meanwhile
 */
export async function addJob(job: NewJob, transaction: Transaction | null): Promise<WithLatestRun<Attributes<Job>>> {
  return await withinLimits(transaction, (own) => addOne(job, own));
}
