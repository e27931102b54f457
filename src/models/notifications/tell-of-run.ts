import type { Transaction } from 'sequelize';
import { askedBy } from '../../platform/asked-by.ts';
import { Job } from '../jobs/job.ts';
import { Project } from '../projects/project.ts';
import type { Run } from '../runs/run.ts';
import type { RunStatus } from '../runs/statuses.ts';
import { newsOf, type RunNews } from './events.ts';
import { tell } from './tell.ts';

const MOST_TRAITS = 20;

/** Tells of a run that has this status from now on, where anybody wants to hear of it. Of others than these two nobody is told. */
export async function tellOfStatus(run: Run, status: RunStatus, transaction: Transaction): Promise<void> {
  if (status === 'failed')
    await tellOfRun(
      'run.failed',
      run,
      (name) => `${name} failed: ${run.error_message ?? 'it did not say why.'}`,
      transaction,
    );
  if (status !== 'completed') return;
  const summary = run.validation?.summary ?? '';
  await tellOfRun('run.completed', run, (name) => `${name} completed. ${summary}`.trim(), transaction);
  if (run.validation?.verdict === 'worse')
    await tellOfRun(
      'run.worse_than_base',
      run,
      (name) => `${name} completed, and its model is worse than its base. ${summary}`.trim(),
      transaction,
    );
}

/** Tells that a run is to hold no worker until it is resumed, or has room. */
export async function tellOfPause(run: Run, reason: string, transaction: Transaction): Promise<void> {
  const by = askedBy();
  const sentence = (name: string) => `${name} is paused${by === null ? '' : ` by ${by}`}: ${reason}`;
  await tellOfRun('run.paused', run, sentence, transaction);
}

async function tellOfRun(
  event: 'run.completed' | 'run.failed' | 'run.paused' | 'run.worse_than_base',
  run: Run,
  sentence: (name: string) => string,
  transaction: Transaction,
): Promise<void> {
  const news = async () => {
    const about = await runNews(run, transaction);
    const owner = about.job_id === null ? `project ${about.project_id}` : `job ${about.job_id}`;
    return newsOf(sentence(`Run ${run.number} of ${owner} (${about.owner_name})`), { run: about });
  };
  await tell({ event, news }, transaction);
}

async function runNews(run: Run, transaction: Transaction): Promise<RunNews> {
  const options = { attributes: ['name', 'created_by'], transaction };
  const owner =
    run.job_id === null
      ? await Project.findByPk(run.project_id ?? 0, options)
      : await Job.findByPk(run.job_id, options);
  const traits = run.validation?.traits?.slice(0, MOST_TRAITS) ?? [];
  return {
    id: run.id,
    name: run.workflow_id,
    number: run.number,
    job_id: run.job_id,
    project_id: run.project_id,
    owner_name: owner?.name ?? '',
    created_by: owner?.created_by ?? null,
    status: run.status,
    base_model: run.spec.base_model,
    training_type: run.spec.training_type,
    progress: run.progress,
    current_step: run.current_step,
    total_steps: run.total_steps ?? null,
    loss: run.current_loss ?? null,
    error_class: run.error_class ?? null,
    pause_reason: run.pause_reason ?? null,
    verdict: run.validation?.verdict ?? null,
    traits: traits.map(({ trait, rows, verdict, base, tuned }) => ({
      trait,
      rows,
      verdict,
      base_loss: base.loss,
      tuned_loss: tuned.loss,
    })),
    started_at: run.started_at?.toISOString() ?? null,
    finished_at: run.finished_at?.toISOString() ?? null,
  };
}
