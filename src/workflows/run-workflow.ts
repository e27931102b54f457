import type { Run } from '../models/run.ts';

/** What the workflow of a run is started with. */
export interface RunWorkflow {
  runId: number;
  workflowId: string;
  owner: string;
  trainingType: string;
  baseModel: string;
}

/** The same for a row each time it is asked for, so that a workflow may be started twice. */
export function workflowOf(run: Run): RunWorkflow {
  return {
    runId: run.id,
    workflowId: run.workflow_id,
    owner: run.job_id === null ? `project-${run.project_id}` : `job-${run.job_id}`,
    trainingType: run.spec.training_type,
    baseModel: run.spec.base_model,
  };
}
