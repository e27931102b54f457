import { Op } from 'sequelize';
import { checkpointNameOf, type FoundJob, modelNameOf } from '../../../commands/openai/fine-tuning-jobs.ts';
import { Checkpoint } from '../../../models/runs/checkpoint.ts';
import { RunMetric } from '../../../models/runs/run-metric.ts';
import { NotFoundError } from '../../../platform/failure.ts';
import { presentList, seconds } from '../lists.ts';

const ID = /^ftckpt_(\d{1,9})$/;

/** A page of the checkpoints that a fine-tuning job has kept, newest first. @throws NotFoundError for an `after` that is none */
export async function checkpointsOf(
  { asked, job }: FoundJob,
  { after, limit }: { after?: string | undefined; limit: number },
) {
  const run = job?.latestRun;
  if (!run) return presentList([], limit);
  const kept = { run_id: run.id, state: 'complete' } as const;
  const order: [string, string][] = [
    ['step', 'DESC'],
    ['id', 'DESC'],
  ];
  const last =
    after === undefined ? null : await Checkpoint.findOne({ where: { ...kept, id: Number(ID.exec(after)?.[1] ?? 0) } });
  if (after !== undefined && !last) throw new NotFoundError(`No such checkpoint: ${after}.`);
  const where = { ...kept, ...(last ? { step: { [Op.lt]: last.step } } : {}) };
  const found = await Checkpoint.findAll({ where, order, limit: limit + 1 });
  const newest = run.status === 'completed' ? await Checkpoint.max('step', { where: kept }) : null;
  const metrics = await RunMetric.findAll({ where: { run_id: run.id, step: found.map(({ step }) => step) } });
  const ofStep = new Map(metrics.map((metric) => [metric.step, metric]));
  return presentList(
    found.map(({ id, step, created_at }) => {
      const { loss = null, eval_loss = null } = ofStep.get(step) ?? {};
      return {
        id: `ftckpt_${id}`,
        object: 'fine_tuning.job.checkpoint' as const,
        created_at: seconds(created_at),
        // The newest is the model itself.
        fine_tuned_model_checkpoint: step === newest ? modelNameOf(asked) : checkpointNameOf(asked, step),
        fine_tuning_job_id: asked.id,
        step_number: step,
        metrics: {
          step,
          ...(loss === null ? {} : { train_loss: loss }),
          ...(eval_loss === null ? {} : { valid_loss: eval_loss }),
        },
      };
    }),
    limit,
  );
}
