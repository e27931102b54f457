import { Project } from '../../models/projects/project.ts';
import type { QueueChange } from '../../models/runs/queue-change.ts';
import { askedUpon } from '../../models/runs/queue-choices.ts';
import { connection } from '../../models/runs/run.ts';
import { notFound, UserError } from '../../platform/failure.ts';
import { requireAfter } from './require-after.ts';

/**
 * Changes when the first run of a project is to begin, until it is started. Under the lock that a start takes first, so that this is
 * before it, or finds its run.
 * @returns false when it was started
 * @throws NotFoundError; UserError for what it cannot come after, and for a place in a line that it is not in
 */
export async function changeBeforeStart(id: number, { front, ...asked }: QueueChange): Promise<boolean> {
  return await connection().transaction(async (transaction) => {
    const project = await Project.findByPk(id, { lock: true, transaction });
    if (!project) throw notFound('Project', id);
    if (project.latest_run_id !== null) return false;
    if (front)
      throw new UserError(
        `front is true, and project ${id} is in no line before it is started. Start it, then move it to the front; or give it a priority now.`,
        { field: 'front' },
      );
    await requireAfter(asked, { kind: 'project', id }, transaction);
    await project.update({ queue: askedUpon(project.queue, asked) }, { transaction });
    return true;
  });
}
