import { exportFormatsOf } from '../../models/exports/export.ts';
import type { OwnedRun } from '../../models/runs/all-runs.ts';
import type { Checkpoint } from '../../models/runs/checkpoint.ts';
import type { Descent, RelatedRun } from '../../models/runs/descent.ts';
import type { ShownRun, WithLatestRun } from '../../models/runs/latest-run.ts';
import { NORMAL } from '../../models/runs/order.ts';
import { type QueueChoices, shownQueue } from '../../models/runs/queue-choices.ts';
import type { Run } from '../../models/runs/run.ts';
import type { Start } from '../../models/runs/start.ts';
import { date } from '../http/shared-schema.ts';
import { presentPlan } from './plan.ts';

/** Whether the model is worse than its base, where it cannot be overlooked. Validations from before there was one have none. */
function presentVerdict(validation: ShownRun['validation'] | undefined) {
  return { verdict: validation?.verdict ?? null, verdict_summary: validation?.summary || null };
}

/** What was trained, once it was. Results from before there was early stopping do not say how it ended. */
function presentOutput(run: Partial<Pick<ShownRun, 'output_path' | 'result'>> | undefined) {
  return {
    output_path: run?.output_path ?? null,
    weights_sha256: run?.result?.weights_sha256 ?? null,
    stopped_early: run?.result?.stopped_early ?? null,
    exported_step: run?.result?.exported_step ?? null,
  };
}

type Waits = 'status' | 'waiting_for' | 'queue_place' | 'waits_because' | keyof QueueChoices;

/** Why a run does not go on, when it is to, and how many wait in front of it. One that runs has got over what it waited for. */
function presentWaiting(run: { [K in Waits]?: ShownRun[K] | null } | undefined) {
  const { priority, not_before, after_job_id, after_project_id } = run ?? {};
  return {
    waiting_for: run?.status === 'running' ? null : (run?.waiting_for ?? null),
    waits_because: run?.waits_because ?? null,
    queue_place: run?.queue_place ?? null,
    ...shownQueue({
      priority: priority ?? NORMAL,
      not_before: not_before ?? null,
      after_job_id: after_job_id ?? null,
      after_project_id: after_project_id ?? null,
    }),
  };
}

/** The latest run, as jobs and projects show it. */
export function presentRun({ latestRun: run }: WithLatestRun<object>) {
  return {
    status: run?.status ?? ('pending' as const),
    progress: run?.progress ?? 0,
    current_epoch: run?.current_epoch ?? 0,
    current_loss: run?.current_loss ?? null,
    error_message: run?.error_message ?? null,
    run_id: run?.id ?? null,
    run_number: run?.number ?? null,
    phase: run?.phase ?? null,
    current_step: run?.current_step ?? 0,
    total_steps: run?.total_steps ?? null,
    tokens_per_s: run?.tokens_per_s ?? null,
    seconds_left: run?.seconds_left ?? null,
    worker_id: run?.worker_id ?? null,
    pause_reason: run?.pause_reason ?? null,
    ...presentWaiting(run),
    ...presentOutput(run),
    validation: run?.validation ?? null,
    ...presentVerdict(run?.validation),
    started_at: date(run?.started_at ?? null),
    completed_at: date(run?.finished_at ?? null),
  };
}

/** One run of a job or project, as its list shows it. `numbers`: by id, of the runs of the same owner. `revision`: of its base model. `descent`: of it, among others. */
export function presentOneRun(run: Run, numbers: Map<number, number>, revision: string | null, descent: Descent) {
  return {
    ...presentWithoutSpec(run),
    starts_from: presentStart(run.spec.start, descent),
    started_from_it: descent.children.filter(({ starts_from_run_id: id }) => id === run.id).map(whichRun),
    base_model_revision: revision,
    resumes_run_number: run.resumes_run_id === null ? null : (numbers.get(run.resumes_run_id) ?? null),
    export_formats: exportFormatsOf(run.spec),
    spec: run.spec,
    plan: run.plan === null ? null : presentPlan(run.plan, run.spec),
  };
}

/** What the run began from; with the run that made it, while that is there. */
function presentStart(start: Start | undefined, { parents }: Descent) {
  if (!start) return null;
  const parent = parents.find(({ id }) => id === start.run_id);
  const { name, kind, sha256, checkpoint = null } = start;
  return { name, kind, sha256, checkpoint, run: parent ? whichRun(parent) : null };
}

function whichRun({ job_id, project_id, number }: RelatedRun) {
  return { job_id, project_id, number };
}

/** A run in the list of all, with what it is of. */
export function presentListedRun(run: OwnedRun) {
  const owner = run.job ?? run.project;
  if (!owner) throw new Error(`Run ${run.id} is of no job and of no project.`);
  return {
    ...presentWithoutSpec(run),
    owner: { kind: run.job ? ('job' as const) : ('project' as const), id: owner.id, name: owner.name },
    is_latest: owner.latest_run_id === run.id,
    training_type: run.training_type,
    base_model: 'base_model' in owner ? owner.base_model : owner.model_name,
    tokens_per_s: run.tokens_per_s,
    seconds_left: run.seconds_left,
  };
}

function presentWithoutSpec(run: Run) {
  return {
    id: run.id,
    number: run.number,
    status: run.status,
    phase: run.phase,
    pinned: run.pinned,
    progress: run.progress,
    current_step: run.current_step,
    total_steps: run.total_steps,
    current_epoch: run.current_epoch,
    current_loss: run.current_loss,
    error_class: run.error_class,
    error_message: run.error_message,
    worker_id: run.worker_id,
    pause_reason: run.pause_reason,
    ...presentWaiting(run),
    workflow_id: run.workflow_id,
    ...presentOutput(run),
    ...presentVerdict(run.validation),
    created_at: date(run.created_at),
    started_at: date(run.started_at),
    completed_at: date(run.finished_at),
  };
}

export function presentCheckpoint(checkpoint: Checkpoint) {
  const { step, epoch, bytes, state, removed_because = null, pinned = false, manifest_sha256, created_at } = checkpoint;
  return { step, epoch, bytes, state, removed_because, pinned, manifest_sha256, created_at: date(created_at) };
}
