import { pathToFileURL } from 'node:url';
import { readMixtureManifest } from '../../datasets/mixture.ts';
import { OpenAiJob } from '../../models/openai/openai-job.ts';
import type { Run } from '../../models/runs/run.ts';
import { datasetsOf } from '../../models/runs/run-spec.ts';
import type { Tracker } from '../../models/trackers/trackers.ts';
import type { Env } from '../../platform/env.ts';
import { VERSION } from '../../platform/version.ts';
import { runPaths } from '../../runs/run-paths.ts';
import type { SentEnd, SentRun } from '../../trainer/tracker-sender.ts';

const STATUSES: Record<string, SentEnd['status']> = { completed: 'FINISHED', failed: 'FAILED', cancelled: 'KILLED' };

/** What a tracker gets about a run before its figures: what repeats it, and where it is found here. */
export async function openingOf(
  env: Env,
  run: Run,
  { token, tracker }: { token: string; tracker: Tracker },
): Promise<SentRun> {
  const { spec } = run;
  const integration = tracker === 'wandb' ? await integrationOf(run) : null;
  const mixture = await readMixtureManifest(runPaths(env, run).mixture);
  const names = datasetsOf(spec.traits).map(({ dataset_id, dataset }) => dataset?.name ?? `dataset ${dataset_id}`);
  const owner = run.job_id === null ? `projects/${run.project_id}` : `jobs/${run.job_id}`;
  return {
    token,
    name: integration?.name ?? run.workflow_id,
    ...(integration && { wandb: integration }),
    started_at_ms: (run.started_at ?? run.created_at).getTime(),
    params: {
      base_model: spec.base_model,
      training_type: spec.training_type,
      datasets: [...new Set(names)].join(', '),
      threads: spec.threads,
      starts_from: spec.start?.name ?? null,
      ...Object.fromEntries(Object.entries(spec.hyperparameters).map(([name, value]) => [name, told(value)])),
    },
    tags: {
      'mtm.run': run.workflow_id,
      'mtm.address': `${env.publicUrl ?? `http://${env.host}:${env.port}`}/${owner}`,
      'mtm.version': VERSION,
      ...(mixture === null ? {} : { 'mtm.mixture.sha256': mixture.train.sha256 }),
      // A run that was started again from a checkpoint of an earlier one goes on with its steps.
      ...(run.resumes_run_id === null
        ? {}
        : { 'mtm.resumes': run.workflow_id.replace(/\d+$/, String(run.number - 1)) }),
    },
  };
}

/** What a client of OpenAI asked for, of a run of such a job; a retry is told as the first run is. */
async function integrationOf({ job_id }: Run) {
  const asked = job_id === null ? null : await OpenAiJob.findOne({ where: { job_id } });
  const { wandb } = asked?.hyperparameters ?? {};
  return asked && wandb ? { ...wandb, name: wandb.name ?? asked.id } : null;
}

function told(value: unknown): string | number | boolean | null {
  if (Array.isArray(value)) return value.join(', ');
  return typeof value === 'number' || typeof value === 'boolean' || value === null ? value : String(value);
}

/** And after them: how it ended, what its report says, and where its model lies. */
export function endOf(run: Run, lastStep: number): SentEnd {
  const { result, validation, output_path } = run;
  const status = STATUSES[run.status];
  if (!status) throw new Error(`Run ${run.id} has not ended.`);
  const ofTraits = (validation?.traits ?? []).flatMap(({ trait, base, tuned }) => [
    [`report/${trait}/base_loss`, base.loss],
    [`report/${trait}/tuned_loss`, tuned.loss],
    [`report/${trait}/base_exact_match`, base.exact_match],
    [`report/${trait}/tuned_exact_match`, tuned.exact_match],
  ]);
  const figures = [['report/train_loss', result?.train_loss ?? null], ...ofTraits];
  return {
    status,
    at_ms: (run.finished_at ?? run.updated_at).getTime(),
    last_step: lastStep,
    summary: Object.fromEntries(figures.filter(([, value]) => value !== null)),
    tags: {
      'mtm.status': run.status,
      ...(run.error_message === null ? {} : { 'mtm.error': run.error_message }),
      ...(validation?.verdict ? { 'mtm.verdict': validation.verdict } : {}),
      ...(result ? { 'mtm.weights.sha256': result.weights_sha256 } : {}),
    },
    artifacts: output_path === null ? {} : { model: pathToFileURL(output_path).href },
  };
}
