import { type PlanDependencies, planTraining } from '../runs/plan-training.ts';
import { type NewJob, requireApart, traitsOfJob } from './create-job.ts';

/** A job that nobody asked to create: it needs no name. */
export type PlannedJob = Omit<NewJob, 'name'> & { name?: string | undefined };

/**
 * What a job would be trained on, without creating anything; with its tokens where a base model is given.
 * @throws UserError; NotYetError while the trainer's Python, which counts tokens, is not there; DatasetError
 */
export async function planJob(
  { dataset_id, validation_dataset_id = null, model_name, ...body }: PlannedJob,
  dependencies: PlanDependencies,
) {
  const asked = { dataset_id, validation_dataset_id };
  requireApart(asked);
  const traits = traitsOfJob(asked);
  return await planTraining('job', { ...body, base_model: model_name, max_rows: null, traits }, dependencies);
}
