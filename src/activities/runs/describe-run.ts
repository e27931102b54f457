import { Run } from '../../models/runs/run.ts';
import { duration } from '../../platform/duration.ts';
import type { RunDisplay, RunRef } from '../../workflows/contract.ts';

/** A run in Markdown, for the current details in the Temporal Web UI. */
export async function describeRun({ runId }: RunRef): Promise<RunDisplay> {
  const run = await Run.findByPk(runId, { rejectOnEmpty: true });
  const lines = [
    `**${run.status}** · ${run.phase} · ${run.progress.toFixed(1)} %`,
    '',
    `| step | epoch | loss | tokens/s | time left | worker |`,
    `|---|---|---|---|---|---|`,
    `| ${run.current_step} / ${run.total_steps ?? '?'} | ${run.current_epoch} | ${figure(run.current_loss, 4)} | ${figure(run.tokens_per_s, 0)} | ${run.seconds_left === null ? '-' : duration(1_000 * run.seconds_left)} | ${run.worker_id ?? '-'} |`,
  ];
  // Runs from before there was a verdict have none.
  if (run.validation?.verdict) lines.push('', `**${run.validation.verdict.toUpperCase()}**: ${run.validation.summary}`);
  if (run.error_message) lines.push('', run.error_message);
  if (run.output_path) lines.push('', `Output: \`${run.output_path}\``);
  return { status: run.status, workerId: run.worker_id, details: lines.join('\n') };
}

function figure(value: number | null, digits: number): string {
  return value === null ? '-' : value.toFixed(digits);
}
