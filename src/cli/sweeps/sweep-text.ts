import type { Sweep, SweepSummary } from '../api/types.ts';
import { columns, facts, table } from '../terminal/table.ts';

type SweepRun = Sweep['runs'][number];
const DIGITS = 4;

/** A sweep on a screen: how it stands, its runs with what varies, and the winner. */
export function sweepText(sweep: Sweep): string {
  const { id, name, status, runs, rungs, winner, error_message, duplicates_dropped } = sweep;
  const varied = Object.keys(runs[0]?.settings ?? {});
  const steps = sweep.early_stop?.rungs ?? [];
  const heads = ['Run', ...varied, 'Status', 'Step', ...steps.map((step) => `Loss at ${step}`), 'Held-out loss'];
  return [
    facts([
      ['Sweep', `${id}, ${name}`],
      ['Status', status],
      ['Runs', `${runs.length}, ${sweep.max_concurrent_runs} at a time`],
      ['Dropped', duplicates_dropped === 0 ? null : `${duplicates_dropped} combinations that were there already`],
      ['Rungs', steps.length === 0 ? null : `${rungs.length} of ${steps.length} done`],
    ]),
    table(
      heads,
      runs.map((run) => cellsOf(run, varied)),
    ),
    ...[winner?.sentence ?? error_message ?? []].flat(),
  ].join('\n');
}

function cellsOf(
  { job_id, project_id, settings, status, phase, current_step, rung_losses, held_out_loss }: SweepRun,
  varied: string[],
) {
  const state = phase === 'paused' ? 'held' : status;
  return [
    nameOf({ job_id, project_id }),
    ...varied.map((name) => settingText(settings[name])),
    state,
    current_step,
    ...rung_losses.map(lossText),
    lossText(held_out_loss),
  ];
}

/** Of its job, or of its project, as other commands take it. */
function nameOf({ job_id, project_id }: Pick<SweepRun, 'job_id' | 'project_id'>): string {
  return job_id === null ? `project-${project_id}` : `job-${job_id}`;
}

export function settingText(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function lossText(loss: number | null): string {
  return loss === null ? '' : loss.toPrecision(DIGITS);
}

export function sweepListText(sweeps: SweepSummary[]): string {
  if (sweeps.length === 0) return 'There is no sweep. Begin one with `mtm sweep create -f FILE`.';
  return columns(
    sweeps.map(({ id, name, status, run_count, winner, error_message }) => [
      String(id),
      name,
      status,
      `${run_count} runs`,
      winner ? `${nameOf(winner)}, ${lossText(winner.held_out_loss)}` : (error_message ?? ''),
    ]),
  );
}

/** How far it is, in a line. */
export function progressOf({ id, runs, rungs_done, early_stop, status }: Sweep): { share: number; text: string } {
  const ended = runs.filter((run) => isEnded(run)).length;
  const train = runs.filter((run) => run.status === 'running').length;
  const steps = early_stop?.rungs.length ?? 0;
  const rungs = steps === 0 ? '' : `, rung ${rungs_done} of ${steps}`;
  const share = runs.length === 0 ? 0 : ended / runs.length;
  return { share, text: `sweep ${id}: ${status}${rungs}, ${train} train, ${ended} of ${runs.length} have ended` };
}

const isEnded = ({ status }: SweepRun) => ['completed', 'failed', 'cancelled'].includes(status);
