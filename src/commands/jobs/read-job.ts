import type { Attributes } from 'sequelize';
import { Job } from '../../models/jobs/job.ts';
import { prepare, rowFromJson, rowsOf } from '../../models/prepared.ts';
import { SHOWN_OF_RUN, type ShownRun, type WithLatestRun, withPlaces } from '../../models/runs/latest-run.ts';
import { Run } from '../../models/runs/run.ts';
import { notFound } from '../../platform/failure.ts';

const SELECT = prepare(`
  SELECT to_json(jobs) AS job, to_json(run) AS run
  FROM jobs LEFT JOIN (SELECT ${SHOWN_OF_RUN.join(', ')} FROM runs) AS run ON run.id = jobs.latest_run_id
  WHERE jobs.id = $1`);

/** A job to be shown: what clients ask for again and again. @throws NotFoundError */
export async function readJob(id: number): Promise<WithLatestRun<Attributes<Job>>> {
  const [found] = await rowsOf<{ job: Attributes<Job>; run: ShownRun | null }>(SELECT, [id], null);
  if (!found) throw notFound('Job', id);
  const job = rowFromJson(Job, found.job);
  if (!found.run) return job;
  const [latestRun] = await withPlaces([rowFromJson(Run, found.run)]);
  return latestRun ? { ...job, latestRun } : job;
}
