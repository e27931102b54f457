import type { RunProgress } from '../api/runs.ts';
import { duration, loss } from '../terminal/numbers.ts';

/** Whether a run does not go on any more. */
export function isEnded({ status }: Pick<RunProgress, 'status'>): boolean {
  return ['completed', 'failed', 'cancelled'].includes(status);
}

/** What one line says of a run that has not ended: its phase, what it waits for, or how far it is. */
export function progressText(run: RunProgress): string {
  const { phase, current_step, total_steps, tokens_per_s, seconds_left } = run;
  const waits = waitingText(run);
  if (waits !== null) return waits;
  const figures = [
    total_steps === null || current_step === 0 ? null : `step ${current_step}/${total_steps}`,
    run.current_loss === null ? null : `loss ${loss(run.current_loss)}`,
    phase === 'training' && tokens_per_s ? `${Math.round(tokens_per_s)} tokens/s` : null,
    typeof seconds_left === 'number' && seconds_left > 0 ? `${duration(seconds_left)} left` : null,
  ];
  return [phaseText(phase), ...figures].filter((part) => part !== null).join('  ');
}

/** Why a run does not go on; null where it does. */
export function waitingText({
  status,
  phase,
  pause_reason,
  waiting_for,
  queue_place,
  waits_because,
}: RunProgress): string | null {
  if (phase === 'paused' || (status !== 'running' && pause_reason !== null))
    return `paused${pause_reason === null ? '' : `: ${pause_reason}`}`;
  if (waiting_for !== null) return `waits: ${waiting_for}`;
  if (queue_place === null && waits_because !== null) return `waits: ${waits_because}`;
  if (queue_place !== null) return queue_place === 1 ? 'next in line' : `place ${queue_place} in line`;
  return null;
}

export function phaseText(phase: RunProgress['phase']): string {
  return (phase ?? 'not started').replaceAll('_', ' ');
}
