import { Run } from './run.ts';

/** Where a run stands, for who follows where models come from. */
export type RelatedRun = Pick<Run, 'id' | 'job_id' | 'project_id' | 'number' | 'starts_from_run_id'>;

/** The runs that some runs began from, and those that began from them: what is there of both. */
export interface Descent {
  parents: RelatedRun[];
  children: RelatedRun[];
}

const ATTRIBUTES = ['id', 'job_id', 'project_id', 'number', 'starts_from_run_id'];

export async function descentOf(runs: Run[]): Promise<Descent> {
  const ids = runs.map(({ id }) => id);
  const parentIds = runs.flatMap(({ starts_from_run_id: id }) => id ?? []);
  const [parents, children] = await Promise.all([
    Run.findAll({ where: { id: parentIds }, attributes: ATTRIBUTES }),
    Run.findAll({ where: { starts_from_run_id: ids }, attributes: ATTRIBUTES, order: ['id'] }),
  ]);
  return { parents, children };
}
