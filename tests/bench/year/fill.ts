import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { QueryTypes } from 'sequelize';
import { connectModels } from '../../../src/models/database.ts';
import { runPaths } from '../../../src/runs/run-paths.ts';
import { addYear, buildPatterns, type YearSizes } from '../../support/year.ts';
import type { Side } from './side.ts';

/** What a folder of a run has here, and its checkpoint says that it takes. */
export const CHECKPOINT_BYTES = 10_000;
/** Runs whose checkpoints are still there, and are old enough to go. */
const WITH_WORK = 150;
const FOLDERS_AT_ONCE = 32;
const WORKFLOWS_AT_ONCE = 32;

/** The newest run that completed, of a job. */
export interface Filled {
  jobId: number;
  jobs: number;
}

/** The policies remove nothing until `clean` says so. */
export async function fill(side: Side, sizes: YearSizes): Promise<Filled> {
  const fromMs = performance.now();
  const kept = { checkpoints_of_completed_runs: null, checkpoints_of_failed_runs: null };
  await side.call('PATCH', '/config/', { retention: kept });
  const { databaseUrl } = side.running;
  const sequelize = connectModels(databaseUrl);
  try {
    const ask = <Row extends object>(sql: string) => sequelize.query<Row>(sql, { type: QueryTypes.SELECT });
    const range = await addYear(databaseUrl, await buildPatterns({ sequelize }, join(side.env.home, 'outputs')), sizes);
    await sequelize.query(`UPDATE checkpoints SET bytes = ${CHECKPOINT_BYTES}`);
    await sequelize.query(
      `UPDATE runs SET tidied_at = NULL WHERE id IN (SELECT id FROM runs WHERE status = 'completed' AND id >= ${range.firstRunId}
         AND finished_at < now() - interval '30 days' ORDER BY id LIMIT ${WITH_WORK})`,
    );
    await sequelize.query(
      `UPDATE checkpoints SET state = 'complete' FROM runs WHERE runs.id = run_id AND runs.tidied_at IS NULL`,
    );
    const runs = await ask<{ id: number; workflow_id: string }>('SELECT id, workflow_id FROM runs ORDER BY id');
    const queue = [...runs];
    await Promise.all(
      Array.from({ length: FOLDERS_AT_ONCE }, async () => {
        for (let run = queue.pop(); run; run = queue.pop()) {
          const { dir, checkpoints, card } = runPaths(side.env, { ...run, spec: { output_directory: '' } });
          await mkdir(join(checkpoints, 'e1', 'checkpoint-1'), { recursive: true });
          await mkdir(join(dir, 'logs'), { recursive: true });
          await writeFile(card, '{}');
          await writeFile(join(checkpoints, 'e1', 'checkpoint-1', 'weights'), Buffer.alloc(CHECKPOINT_BYTES));
        }
      }),
    );
    const [newest] = await ask<{ job_id: number }>(
      `SELECT job_id FROM runs WHERE id = (SELECT max(id) FROM runs WHERE job_id IS NOT NULL AND status = 'completed')`,
    );
    const [rows] = await ask<{ n: number; metrics: number; events: number; bytes: string }>(
      `SELECT (SELECT count(*)::int FROM jobs) AS n, (SELECT reltuples::int FROM pg_class WHERE relname = 'run_metrics') AS metrics,
         (SELECT reltuples::int FROM pg_class WHERE relname = 'run_events') AS events, pg_size_pretty(pg_database_size(current_database())) AS bytes`,
    );
    const took = Math.round((performance.now() - fromMs) / 1_000);
    console.log(
      `${runs.length} runs with ${rows?.metrics} metrics and ${rows?.events} events, ${rows?.bytes}, in ${took} s.`,
    );
    return { jobId: newest?.job_id ?? 0, jobs: rows?.n ?? 0 };
  } finally {
    await sequelize.close();
  }
}

/** Workflows that were started and ended, which Temporal keeps with their histories. */
export async function closeWorkflows({ running, env }: Side, count: number): Promise<void> {
  const fromMs = performance.now();
  const connection = await Connection.connect({ address: running.temporalAddress });
  const client = new Client({ connection, namespace: env.temporalNamespace });
  let left = count;
  await Promise.all(
    Array.from({ length: WORKFLOWS_AT_ONCE }, async () => {
      while (left > 0) {
        left -= 1;
        // Nobody takes this queue: what is wanted is a history that is closed.
        const handle = await client.workflow.start('training', {
          taskQueue: 'nobody',
          workflowId: `job-of-a-year-${left}`,
          args: [{ runId: 0 }],
        });
        await handle.terminate('as after a year');
      }
    }),
  );
  await connection.close();
  const seconds = (performance.now() - fromMs) / 1_000;
  console.log(`${count} workflows were closed in ${Math.round(seconds)} s, ${(count / seconds).toFixed(1)} a second.`);
}
