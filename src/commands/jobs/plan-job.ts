import { WHOLE } from '../../datasets/shares.ts';
import { type PlanDependencies, planTraining } from '../runs/plan-training.ts';
import { JOB_TRAIT, type NewJob } from './create-job.ts';

/** A job that nobody asked to create: it needs no name. */
export type PlannedJob = Omit<NewJob, 'name'> & { name?: string | undefined };

/**
 * What a job would be trained on, without creating anything; with its tokens where a base model is given.
 * @throws UserError; NotYetError while the trainer's Python, which counts tokens, is not there; DatasetError
 */
export async function planJob({ dataset_id, model_name, ...body }: PlannedJob, dependencies: PlanDependencies) {
  const share = { dataset_id, percentage_thousandths: WHOLE };
  const traits = [{ trait: JOB_TRAIT, datasets: [share] }];
  return await planTraining({ ...body, base_model: model_name, max_rows: null, traits }, dependencies);
}
