import type { StreamEvent } from '../api/run-stream.ts';
import { bytes, loss } from '../terminal/numbers.ts';

type Data = StreamEvent['data'];

const number = (value: unknown) => (typeof value === 'number' ? value : null);
const words = (value: unknown) => String(value ?? '').replaceAll('_', ' ');

/** Of the kinds that a person who watches wants to know of. All of them are on the page and in `mtm logs`. */
const LINES: Record<string, (data: Data) => string | null> = {
  eval: ({ step, trait, loss: value }) =>
    typeof trait === 'string'
      ? `step ${step}: held-out loss ${loss(number(value)) ?? '—'}${trait === 'all' ? '' : ` of ${trait}`}`
      : null,
  checkpoint: ({ step, bytes: size }) => `step ${step}: saved, ${bytes(number(size))}`,
  resumed: ({ step }) => `goes on from step ${step}`,
  pause: ({ reason }) => `paused: ${words(reason)}`,
  resume: () => 'resumed',
  warning: ({ message }) => `warning: ${message}`,
  trainer_crashed: ({ message }) => `the trainer crashed, and is tried again: ${message}`,
  quarantined: ({ reason }) => `a checkpoint is not used: ${reason}`,
};

/** A line about an event; null where it is not worth one. */
export function eventLine({ kind, data }: StreamEvent): string | null {
  return LINES[kind]?.(data) ?? null;
}
