import { Job } from '../../models/jobs/job.ts';
import { Project } from '../../models/projects/project.ts';
import type { Run } from '../../models/runs/run.ts';

/** What the workflow of a run is started with. */
export interface RunWorkflow {
  runId: number;
  workflowId: string;
  owner: string;
  /** Of its job or project. */
  name: string;
  trainingType: string;
  baseModel: string;
  /** Names of its datasets. */
  data: string[];
}

/** What a workflow is known by that is there. */
export type KnownWorkflow = Pick<RunWorkflow, 'runId' | 'workflowId'>;

/** The same for a row each time it is asked for, but for names that were changed, so that a workflow may be started twice. */
export async function workflowOf(run: Run): Promise<RunWorkflow> {
  const { id, job_id, project_id, spec } = run;
  const attributes = ['name'];
  const owner =
    job_id === null
      ? await Project.findByPk(project_id ?? 0, { attributes })
      : await Job.findByPk(job_id, { attributes });
  return {
    runId: id,
    workflowId: run.workflow_id,
    owner: job_id === null ? `project-${project_id}` : `job-${job_id}`,
    name: owner?.name ?? '',
    trainingType: spec.training_type,
    baseModel: spec.base_model,
    data: spec.traits.flatMap(({ datasets }) =>
      datasets.map(({ dataset_id, dataset }) => dataset?.name ?? `dataset ${dataset_id}`),
    ),
  };
}
