import pg from 'pg';
import { Project } from '../../src/models/projects/project.ts';
import { ProjectTrait } from '../../src/models/projects/project-trait.ts';
import { TraitDataset } from '../../src/models/projects/trait-dataset.ts';
import { createRun } from '../../src/models/runs/create-run.ts';
import { Run } from '../../src/models/runs/run.ts';
import type { TestDatabase } from './database.ts';
import { buildRun } from './runs.ts';
import { addOthers } from './year-others.ts';

/** How much has come together. */
export interface YearSizes {
  runs: number;
  /** Of every run but the newest, which has ten times as many. */
  stepsOfRun: number;
  eventsOfRun: number;
  /** Rows of what comes together beside runs: those of the audit list, answers by key, removals, and so on. */
  others: number;
}

/** Copies are made of these: a job and a project, each with a run. */
export interface Patterns {
  jobId: number;
  projectId: number;
}

const RUNS_OF_PROJECT = 10;
/** Each fifth run is of a project. */
const OF_PROJECTS = 5;
const RUNS_AT_ONCE = 500;

export async function buildPatterns(database: Pick<TestDatabase, 'sequelize'>, outputs: string): Promise<Patterns> {
  const run = await buildRun(database as TestDatabase);
  const [traits] = run.spec.traits;
  const dataset_id = traits?.datasets[0]?.dataset_id ?? 0;
  const project = await Project.create({
    name: 'project',
    description: null,
    base_model: 'none/such',
    training_type: 'qlora',
    max_rows: 100,
    output_directory: outputs,
    hyperparameters: {},
  });
  const trait = await ProjectTrait.create({ project_id: project.id, trait_type: 'coding' });
  await TraitDataset.create({
    trait_id: trait.id,
    project_id: project.id,
    dataset_id,
    percentage_thousandths: 100_000,
  });
  const ofProject = await database.sequelize.transaction((transaction) =>
    createRun({ kind: 'project', id: project.id }, { ...run.spec, output_directory: outputs }, transaction),
  );
  const ended = { status: 'cancelled', phase: 'finished', finished_at: new Date(), workflow_closed_at: new Date() };
  await Run.update(ended as never, { where: { id: [run.id, ofProject.id] } });
  return { jobId: Number(run.job_id), projectId: project.id };
}

/** As what runs of a year have left, all of them ended, the newest of today. `tell` hears how far it is. */
export async function addYear(
  url: string,
  { jobId, projectId }: Patterns,
  { runs, stepsOfRun, eventsOfRun, others }: YearSizes,
  tell: (what: string) => void = () => {},
): Promise<{ firstRunId: number; lastRunId: number }> {
  const client = new pg.Client(url);
  await client.connect();
  const ask = async (sql: string, values: unknown[] = []) => (await client.query(sql, values)).rows;
  try {
    const ofProjects = Math.floor(runs / OF_PROJECTS);
    const projects = Math.ceil(ofProjects / RUNS_OF_PROJECT);
    const jobs = runs - ofProjects;
    const copy = async (table: string, id: number, count: number, own: Record<string, string>) => {
      const columns = await columnsOf(client, table, ['id', ...Object.keys(own)]);
      const [first] = await ask(
        `WITH made AS (INSERT INTO ${table} (${[...Object.keys(own), ...columns].join(', ')})
           SELECT ${[...Object.values(own), ...columns].join(', ')} FROM ${table}, generate_series(1, $2::int) AS n WHERE id = $1 RETURNING id)
         SELECT min(id) AS id FROM made`,
        [id, count],
      );
      return Number(first.id);
    };
    const [{ dataset_id: datasetId }] = (await ask('SELECT dataset_id FROM jobs WHERE id = $1', [jobId])) as [
      { dataset_id: number },
    ];
    const datasets = Math.ceil(runs / 4);
    const firstDataset = await copy('datasets', datasetId, datasets, {
      name: `'Support chats ' || lpad(n::text, 6, '0')`,
      file_path: 'file_path || n',
      parquet_path: 'parquet_path || n',
    });
    const firstJob = await copy('jobs', jobId, jobs, {
      name: `'Polite refusals ' || lpad(n::text, 6, '0')`,
      dataset_id: `${firstDataset} + n % ${datasets}`,
      latest_run_id: 'NULL',
    });
    const firstProject = await copy('projects', projectId, projects, {
      name: `'House style ' || lpad(n::text, 6, '0')`,
      output_directory: 'output_directory || n',
      latest_run_id: 'NULL',
    });
    await ask(
      `INSERT INTO project_traits (project_id, trait_type) SELECT $1 + n, 'coding' FROM generate_series(0, $2 - 1) AS n`,
      [firstProject, projects],
    );
    await ask(
      `INSERT INTO trait_datasets (trait_id, project_id, dataset_id, percentage_thousandths)
       SELECT id, project_id, $2 + id % $3, 100000 FROM project_traits WHERE project_id >= $1`,
      [firstProject, firstDataset, datasets],
    );
    tell('jobs and projects');
    await ask(
      `INSERT INTO runs (job_id, project_id, number, spec, status, phase, workflow_id, created_at, updated_at, admitted_at, workflow_started_at,
         started_at, finished_at, workflow_closed_at, tidied_at, events_thinned_at, progress, current_step, total_steps, current_loss, lease_epoch, error_class, error_message)
       SELECT owner.job_id, owner.project_id, owner.number, jsonb_set(pattern.spec, '{output_directory}', to_jsonb((pattern.spec->>'output_directory') || '/' || n)),
         owner.status, 'finished', owner.workflow_id, at, at, at, at, at, at + interval '10 minutes', at + interval '10 minutes',
         CASE WHEN at < now() - CASE owner.status WHEN 'completed' THEN interval '8 days' ELSE interval '181 days' END THEN at + interval '8 days' END,
         CASE WHEN at < now() - interval '181 days' THEN at + interval '181 days' END,
         CASE owner.status WHEN 'completed' THEN 100 ELSE 60 END, $3::int, $3::int, 1.5, 1,
         CASE owner.status WHEN 'failed' THEN 'UserError' END, CASE owner.status WHEN 'failed' THEN 'The base model is not on this machine.' END
       FROM (
         SELECT n, now() - (${runs} - n) * interval '365 days' / ${runs} - interval '1 hour' AS at, job_id, project_id, number,
           CASE n % 10 WHEN 7 THEN 'failed' WHEN 8 THEN 'cancelled' ELSE 'completed' END AS status,
           CASE WHEN job_id IS NULL THEN 'project-' || project_id ELSE 'job-' || job_id END || '-run-' || number AS workflow_id
         FROM (
           SELECT n, CASE WHEN n % ${OF_PROJECTS} > 0 THEN $1::int + n - 1 - n / ${OF_PROJECTS} END AS job_id,
             CASE WHEN n % ${OF_PROJECTS} = 0 THEN $2::int + ((n / ${OF_PROJECTS} - 1) / ${RUNS_OF_PROJECT})::int END AS project_id,
             CASE WHEN n % ${OF_PROJECTS} = 0 THEN ((n / ${OF_PROJECTS} - 1) % ${RUNS_OF_PROJECT})::int + 1 ELSE 1 END AS number
           FROM generate_series(1, ${runs}) AS n) AS owned) AS owner
       JOIN runs AS pattern ON pattern.id = (SELECT min(id) FROM runs WHERE CASE WHEN owner.job_id IS NULL THEN project_id = ${projectId} ELSE job_id = ${jobId} END)
       ORDER BY n`,
      [firstJob, firstProject, stepsOfRun],
    );
    for (const kind of ['job', 'project'])
      await ask(
        `UPDATE ${kind}s SET latest_run_id = latest.id FROM (SELECT DISTINCT ON (${kind}_id) ${kind}_id AS owner, id FROM runs
           WHERE ${kind}_id IS NOT NULL ORDER BY ${kind}_id, number DESC) AS latest WHERE latest.owner = ${kind}s.id`,
      );
    const [range] = (await ask(
      `SELECT min(id)::int AS "firstRunId", max(id)::int AS "lastRunId" FROM runs WHERE job_id >= $1 OR project_id >= $2`,
      [firstJob, firstProject],
    )) as [{ firstRunId: number; lastRunId: number }];
    tell('runs');
    await addOfRuns(ask, range, { stepsOfRun, eventsOfRun }, tell);
    await addOthers(ask, range.lastRunId, others);
    await ask(
      'UPDATE event_counts_place SET xid = pg_current_xact_id(), seq = (SELECT coalesce(max(seq), 0) FROM run_events)',
    );
    await ask('VACUUM (ANALYZE)');
    return range;
  } finally {
    await client.end();
  }
}

export type Ask = (sql: string, values?: unknown[]) => Promise<unknown[]>;
interface Range {
  firstRunId: number;
  lastRunId: number;
}

/** Figures, events and checkpoints, of some runs in each statement. */
async function addOfRuns(
  ask: Ask,
  { firstRunId, lastRunId }: Range,
  { stepsOfRun, eventsOfRun }: Pick<YearSizes, 'stepsOfRun' | 'eventsOfRun'>,
  tell: (what: string) => void,
): Promise<void> {
  for (let from = firstRunId; from <= lastRunId; from += RUNS_AT_ONCE) {
    const values = [from, Math.min(from + RUNS_AT_ONCE - 1, lastRunId)];
    await ask(
      `INSERT INTO run_metrics (run_id, step, epoch, loss, eval_loss, learning_rate, grad_norm, tokens, tokens_per_s, memory_bytes, created_at, lease_epoch)
       SELECT id, step, step / 500.0, 1 + exp(-step / 300.0) + 0.2 * sin(step * id), CASE WHEN step % 100 = 0 THEN 1 + exp(-step / 300.0) END,
         1e-4, 1 + 0.5 * sin(step), step * 900::bigint, 900, 2e9::bigint, started_at + step * interval '0.5 seconds', 1
       FROM runs, generate_series(1, CASE id WHEN ${lastRunId} THEN ${stepsOfRun * 10} ELSE ${stepsOfRun} END) AS step WHERE id BETWEEN $1 AND $2`,
      values,
    );
    await ask(
      `INSERT INTO run_events (run_id, kind, data, created_at)
       SELECT id, kind, CASE kind
           WHEN 'status' THEN jsonb_build_object('status', CASE n WHEN 1 THEN 'pending' WHEN 2 THEN 'queued' WHEN 3 THEN 'running' ELSE runs.status END,
             'phase', 'training', 'lease_epoch', CASE WHEN n = 3 THEN 1 END)
           WHEN 'eval' THEN jsonb_build_object('step', n * 2, 'trait', CASE WHEN n % 2 = 0 THEN 'all' END, 'loss', 1.5, 'rows', 32, 'lease_epoch', 1)
           WHEN 'checkpoint' THEN jsonb_build_object('step', n * 2, 'bytes', 500000000, 'seconds', 1.5, 'lease_epoch', 1)
           ELSE jsonb_build_object('phase', 'training', 'message', 'Step ' || n, 'lease_epoch', 1) END,
         started_at + n * interval '1 second'
       FROM runs, generate_series(1, ${eventsOfRun}) AS n,
         LATERAL (SELECT CASE WHEN n IN (1, 2, 3, ${eventsOfRun}) THEN 'status' WHEN n % 50 = 0 THEN 'checkpoint' WHEN n % 10 = 0 THEN 'eval' ELSE 'phase' END AS kind) AS told
       WHERE id BETWEEN $1 AND $2`,
      values,
    );
    await ask(
      `INSERT INTO checkpoints (run_id, lease_epoch, step, epoch, path, manifest_sha256, bytes, state)
       SELECT id, 1, ${stepsOfRun}, 1, '/nowhere/' || id, repeat('0', 64), 500000000, CASE WHEN tidied_at IS NULL THEN 'complete' ELSE 'pruned' END
       FROM runs WHERE id BETWEEN $1 AND $2`,
      values,
    );
    tell(`figures and events of runs to ${values[1]} of ${lastRunId}`);
  }
}

async function columnsOf(client: pg.Client, table: string, others: string[]): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT column_name AS name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = $1 AND column_name <> ALL($2)`,
    [table, others],
  );
  return rows.map(({ name }) => `"${name}"`);
}
