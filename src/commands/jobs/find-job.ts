import type { Transaction } from 'sequelize';
import { Job } from '../../models/jobs/job.ts';
import { LATEST_RUN, withPlaces } from '../../models/runs/latest-run.ts';
import { notFound } from '../../platform/failure.ts';

/** A job with its latest run. @throws NotFoundError */
export async function findJob(id: number, transaction: Transaction | null = null): Promise<Job> {
  const job = await Job.findByPk(id, { include: LATEST_RUN, transaction });
  if (!job) throw notFound('Job', id);
  await withPlaces(job.latestRun ? [job.latestRun] : []);
  return job;
}
