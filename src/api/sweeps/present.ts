import { Job } from '../../models/jobs/job.ts';
import type { Sweep } from '../../models/sweeps/sweep.ts';
import { heldOutLoss, lossAt, runsOfSweep, type SweepRun } from '../../models/sweeps/sweep-runs.ts';
import { date } from '../http/shared-schema.ts';

/** Sweeps as their list has them. */
export async function presentSweeps(sweeps: Sweep[]) {
  const counted = await Job.count({ where: { sweep_id: sweeps.map(({ id }) => id) }, group: ['sweep_id'] });
  const counts = new Map(counted.map(({ sweep_id, count }) => [sweep_id, count]));
  return sweeps.map((sweep) => summaryOf(sweep, counts.get(sweep.id) ?? 0));
}

/** A sweep with its runs. */
export async function presentSweep(sweep: Sweep, transaction: Parameters<typeof runsOfSweep>[1] = null) {
  const runs = await runsOfSweep(sweep.id, transaction);
  const { job, search, early_stop, max_concurrent_runs } = sweep.spec;
  const steps = early_stop?.rungs ?? [];
  return {
    ...summaryOf(sweep, runs.length),
    job,
    search,
    early_stop,
    max_concurrent_runs,
    rungs: sweep.rungs,
    runs: runs.map((run) => presentSweepRun(run, steps)),
  };
}

function presentSweepRun(run: SweepRun, steps: number[]) {
  const { job_id, name, settings, status, phase, progress, current_step, total_steps, pause_reason, error_message } =
    run;
  return {
    ...{ job_id, name, settings, status, phase, progress, current_step, total_steps, pause_reason, error_message },
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
    winner: sweep.winner,
    error_message: sweep.error_message,
    created_at: date(sweep.created_at),
    updated_at: date(sweep.updated_at),
    finished_at: date(sweep.finished_at),
  };
}
