import type { ListedRun, RunPhase, RunStatus } from '../../api/types.ts';
import { Tag } from '../tag.tsx';

/** A mark and a word: colour alone tells some people nothing. */
const SHOWN: Record<RunStatus | 'paused', { mark: string; color: string }> = {
  pending: { mark: '○', color: 'gray' },
  queued: { mark: '◔', color: 'grape' },
  running: { mark: '▶', color: 'blue' },
  paused: { mark: 'Ⅱ', color: 'yellow' },
  completed: { mark: '✓', color: 'teal' },
  failed: { mark: '✕', color: 'red' },
  cancelled: { mark: '–', color: 'gray' },
};

export function StatusBadge({ status, paused = false }: { status: RunStatus | 'paused'; paused?: boolean }) {
  const shown = paused && (status === 'queued' || status === 'pending') ? 'paused' : status;
  const { mark, color } = SHOWN[shown];
  return (
    <Tag color={color}>
      <span aria-hidden="true">{mark} </span>
      {shown}
    </Tag>
  );
}

const PHASES: Record<RunPhase, string> = {
  waiting: 'waits for its turn',
  preparing_data: 'preparing its data',
  verifying_model: 'checking the base model',
  downloading_model: 'waiting for the base model to come in',
  waiting_for_worker: 'waits for a worker',
  paused: 'paused',
  loading: 'loading data and model',
  training: 'training',
  exporting: 'writing the model',
  validating: 'comparing with the base',
  publishing: 'publishing the model',
  recovering: 'going on after an interruption',
  finished: 'over',
};

export const phaseOf = (phase: RunPhase | null): string => (phase === null ? 'not started' : PHASES[phase]);

/** Whether a run has not ended. */
export const isOpen = (status: RunStatus): boolean => ['pending', 'queued', 'running'].includes(status);

/** Why a run is as it is, in a sentence. */
export function whyOf(
  run: Pick<
    ListedRun,
    'status' | 'error_message' | 'pause_reason' | 'waiting_for' | 'queue_place' | 'waits_because' | 'verdict_summary'
  > & {
    phase: RunPhase | null;
  },
): string {
  if (run.status === 'failed' || run.status === 'cancelled') return run.error_message ?? `It was ${run.status}.`;
  if (run.status === 'completed') return run.verdict_summary ?? 'Its model is there.';
  if (run.pause_reason !== null) return `Paused: ${run.pause_reason}`;
  if (run.waiting_for !== null) return run.waiting_for;
  if (run.queue_place !== null) return `Number ${run.queue_place} in the line. ${run.waits_because ?? ''}`.trim();
  if (run.waits_because !== null) return run.waits_because;
  return `${capital(phaseOf(run.phase))}.`;
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
