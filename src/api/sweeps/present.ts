import { Job } from '../../models/jobs/job.ts';
import { Project } from '../../models/projects/project.ts';
import { shownQueue } from '../../models/runs/queue-choices.ts';
import { kindOf, type Sweep, type SweepKind, type Winner } from '../../models/sweeps/sweep.ts';
import { heldOutLoss, lossAt, runsOfSweep, type SweepRun } from '../../models/sweeps/sweep-runs.ts';
import { date } from '../http/shared-schema.ts';

/** Sweeps as their list has them. */
export async function presentSweeps(sweeps: Sweep[]) {
  const asked = { where: { sweep_id: sweeps.map(({ id }) => id) }, group: ['sweep_id'] };
  const counted = [...(await Job.count(asked)), ...(await Project.count(asked))];
  const counts = new Map(counted.map(({ sweep_id, count }) => [sweep_id, count]));
  return sweeps.map((sweep) => summaryOf(sweep, counts.get(sweep.id) ?? 0));
}

/** A sweep with its runs. */
export async function presentSweep(sweep: Sweep, transaction: Parameters<typeof runsOfSweep>[1] = null) {
  const runs = await runsOfSweep(sweep, transaction);
  const { job = null, project = null, search, early_stop, max_concurrent_runs } = sweep.spec;
  const steps = early_stop?.rungs ?? [];
  const kind = kindOf(sweep);
  return {
    ...summaryOf(sweep, runs.length),
    job,
    project,
    search,
    early_stop,
    max_concurrent_runs,
    rungs: sweep.rungs.map(({ losses, ...rung }) => ({ ...rung, losses: losses.map((each) => named(kind, each)) })),
    runs: runs.map((run) => presentSweepRun(kind, run, steps)),
  };
}

function presentSweepRun(kind: SweepKind, run: SweepRun, steps: number[]) {
  const { name, settings, status, phase, progress, current_step, total_steps, pause_reason, error_message } = run;
  return {
    ...ownerOf(kind, run.owner_id),
    ...shownQueue(run),
    ...{ name, settings, status, phase, progress, current_step, total_steps, pause_reason, error_message },
    evaluations: run.losses,
    rung_losses: steps.map((step) => lossAt(run, step)),
    held_out_loss: heldOutLoss(run),
  };
}

function summaryOf(sweep: Sweep, run_count: number) {
  return {
    id: sweep.id,
    name: sweep.name,
    description: sweep.description,
    status: sweep.status,
    run_count,
    duplicates_dropped: sweep.duplicates_dropped,
    rungs_done: sweep.rungs.length,
    winner: sweep.winner && presentWinner(kindOf(sweep), sweep.winner),
    error_message: sweep.error_message,
    created_by: sweep.created_by,
    created_at: date(sweep.created_at),
    updated_at: date(sweep.updated_at),
    finished_at: date(sweep.finished_at),
  };
}

function presentWinner(kind: SweepKind, { traits = [], ...winner }: Winner) {
  return {
    ...named(kind, winner),
    traits: traits.map(({ trait, best, ...others }) => ({ trait_type: trait, best: named(kind, best), ...others })),
  };
}

function named<Of extends { owner_id: number }>(kind: SweepKind, { owner_id, ...others }: Of) {
  return { ...ownerOf(kind, owner_id), ...others };
}

function ownerOf(kind: SweepKind, id: number) {
  return { job_id: kind === 'job' ? id : null, project_id: kind === 'project' ? id : null };
}
