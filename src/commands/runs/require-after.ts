import { QueryTypes, type Transaction } from 'sequelize';
import { Job } from '../../models/jobs/job.ts';
import { Project } from '../../models/projects/project.ts';
import type { AskedQueue } from '../../models/runs/queue-choices.ts';
import { connection } from '../../models/runs/run.ts';
import { UserError } from '../../platform/failure.ts';
import type { RunOwner } from './owners.ts';

/** Any constant will do, as long as nothing else takes this lock. */
const CHAINS_LOCK = 7_104_220_531;

/**
 * Sees that what a run is to come after is there, and does not come after that run itself, over however many others. In a
 * transaction such changes come one after another, so that no two of them make a circle together.
 * @param owner whose run it is; null: of one that is not there yet, which nothing can come after
 * @throws UserError
 */
export async function requireAfter(
  { after }: AskedQueue,
  owner: RunOwner | null,
  transaction: Transaction | null,
): Promise<void> {
  if (!after) return;
  const awaited: RunOwner =
    'job_id' in after ? { kind: 'job', id: after.job_id } : { kind: 'project', id: after.project_id };
  const name = `${awaited.kind} ${awaited.id}`;
  const options = { where: { id: awaited.id }, transaction };
  const isThere = awaited.kind === 'job' ? await Job.count(options) : await Project.count(options);
  if (isThere === 0) throw refused(`after is ${name}, which does not exist. Name a job or a project that does.`);
  if (owner === null || transaction === null) return;
  await connection().query(`SELECT pg_advisory_xact_lock(${CHAINS_LOCK})`, { transaction });
  const [circle] = await connection().query(
    `WITH RECURSIVE awaited AS (
       SELECT $jobId::int AS job_id, $projectId::int AS project_id
       UNION
       SELECT runs.after_job_id, runs.after_project_id FROM awaited JOIN runs
         ON (runs.job_id = awaited.job_id OR runs.project_id = awaited.project_id) AND runs.status IN ('pending', 'queued', 'running')
       WHERE runs.after_job_id IS NOT NULL OR runs.after_project_id IS NOT NULL)
     SELECT 1 FROM awaited WHERE ${owner.kind}_id = $ownerId LIMIT 1`,
    {
      bind: {
        jobId: awaited.kind === 'job' ? awaited.id : null,
        projectId: awaited.kind === 'project' ? awaited.id : null,
        ownerId: owner.id,
      },
      type: QueryTypes.SELECT,
      transaction,
    },
  );
  if (circle)
    throw refused(
      `after is ${name}, which itself comes after ${owner.kind} ${owner.id}: both would wait for ever. Leave out one of the two.`,
    );
}

function refused(sentence: string): UserError {
  return new UserError(sentence, { field: 'after' });
}
