import { randomUUID } from 'node:crypto';
import { setTimeout as after } from 'node:timers/promises';
import { TINY_MODEL, until } from '../support/service.ts';
import type { Target } from './faults.ts';
import type { Strike } from './strikes.ts';
import type { ChaosWorld } from './world.ts';

/** Ids of the runs that were queued before all others, and paused; and of those that were queued after all others. */
const FRONT = { from: 1, to: 10_000 };
const BEHIND = { from: 1_000_001, to: 1_010_000 };
/** Jobs of theirs have ids of their own. */
const JOBS_AFTER = 2_000_000;
/** The first run of a test has the id after them. */
export const FIRST_RUN_ID = FRONT.to + 1;
const QUEUED_MS = 10_000;
/** A run may be committed so long after the time that its row says. */
const COMMIT_WITHIN = '3 seconds';

/** A job that was cancelled before it began, as a pattern for others. */
async function templateJob({ api, datasetIds }: ChaosWorld): Promise<number> {
  const settings = { name: 'queued', dataset_id: datasetIds[0], model_name: TINY_MODEL, epochs: 1, save_steps: 20 };
  const { body } = await api.persist('POST', '/jobs/', settings, 'queued');
  await api.persist('POST', `/jobs/${body.id}/cancel`, undefined, 'queued, cancelled');
  return Number(body.id);
}

/** 20,000 runs are queued: 10,000 that are paused before the others, and 10,000 after them, of which the first may begin. */
export function queueMany({ world, run }: Target): Strike {
  const isQueued = `(id BETWEEN ${FRONT.from} AND ${FRONT.to} OR id BETWEEN ${BEHIND.from} AND ${BEHIND.to})`;
  return {
    inject: async () => {
      const template = await templateJob(world);
      for (const { from, to } of [FRONT, BEHIND]) {
        await world.query(
          `INSERT INTO jobs OVERRIDING SYSTEM VALUE SELECT (jsonb_populate_record(j, jsonb_build_object('id', n + ${JOBS_AFTER}, 'latest_run_id', NULL))).*
           FROM jobs AS j, generate_series($2::int, $3::int) AS n WHERE j.id = $1 ON CONFLICT DO NOTHING`,
          [template, from, to],
        );
        await world.query(
          `INSERT INTO runs (id, job_id, number, spec, status, phase, pause_reason, workflow_id, created_at, updated_at) OVERRIDING SYSTEM VALUE
           SELECT n, job, 1, jsonb_set(r.spec, '{output_directory}', to_jsonb(replace(r.spec->>'output_directory', 'job-' || r.job_id, 'job-' || job))),
             'pending', 'waiting', CASE WHEN n <= ${FRONT.to} THEN 'Paused by a person.' END, 'job-' || job || '-run-1', now(), now()
           FROM runs AS r, generate_series($2::int, $3::int) AS n, LATERAL (SELECT n + ${JOBS_AFTER}) AS of (job) WHERE r.job_id = $1 ON CONFLICT DO NOTHING`,
          [template, from, to],
        );
        await world.query(
          `UPDATE jobs SET latest_run_id = runs.id FROM runs WHERE job_id = jobs.id AND runs.id BETWEEN $1 AND $2`,
          [from, to],
        );
      }
    },
    heal: async () => {
      await after(QUEUED_MS);
      const overtaken = await world.query<{ id: number; by: number }>(
        `SELECT t.id, q.id AS by FROM runs AS t JOIN runs AS q ON q.id BETWEEN ${BEHIND.from} AND ${BEHIND.to} AND q.admitted_at IS NOT NULL
         WHERE t.id BETWEEN ${FIRST_RUN_ID} AND ${BEHIND.from - 1} AND t.created_at + interval '${COMMIT_WITHIN}' < q.admitted_at
           AND t.pause_reason IS NULL AND t.status IN ('pending', 'queued', 'running') AND (t.admitted_at IS NULL OR t.admitted_at > q.admitted_at)`,
        [],
      );
      for (const { id, by } of overtaken)
        world.violations.push(`Run ${id} was overtaken by run ${by}, which was asked for later.`);
      const paused = await world.query(
        `SELECT 1 FROM runs WHERE id <= ${FRONT.to} AND admitted_at IS NOT NULL LIMIT 1`,
        [],
      );
      if (paused.length > 0) world.violations.push('A run that was paused before it began was begun.');
      // Without looking for rows that refer to each of them, of which there are none: that takes minutes.
      await world.query(
        `SET LOCAL session_replication_role = replica;
         CREATE TEMPORARY TABLE gone ON COMMIT DROP AS SELECT id, job_id FROM runs WHERE ${isQueued} AND admitted_at IS NULL FOR UPDATE;
         DELETE FROM runs USING gone WHERE runs.id = gone.id;
         DELETE FROM jobs USING gone WHERE jobs.id = gone.job_id`,
        [],
      );
      const begun = await world.query<{ job: number }>(
        `SELECT job_id AS job FROM runs WHERE ${isQueued} AND status IN ('pending', 'queued', 'running')`,
        [],
      );
      for (const { job } of begun) {
        const { status, body } = await world.api.persist('POST', `/jobs/${job}/cancel`, undefined, randomUUID());
        if (status >= 400 && status !== 400) throw new Error(`${run.workflowId}: ${JSON.stringify(body)}`);
      }
      await until('the queued runs that began to be closed', async () => {
        const open = await world.query(
          `SELECT 1 FROM runs WHERE ${isQueued} AND workflow_closed_at IS NULL LIMIT 1`,
          [],
        );
        return open.length === 0 ? true : null;
      });
    },
  };
}
