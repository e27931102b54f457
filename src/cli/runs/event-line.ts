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
  plan: ({ rows, truncated_rows, dropped_rows }) => leftOut(number(rows), number(truncated_rows), number(dropped_rows)),
  resumed: ({ step }) => `goes on from step ${step}`,
  pause: ({ reason }) => `paused: ${words(reason)}`,
  resume: () => 'resumed',
  asked: ({ to, format }) => [words(to), format].filter((word) => word !== undefined).join(' '),
  gate: ({ message }) => String(message),
  promotion: ({ message }) => String(message),
  thinned: ({ message }) => String(message),
  warning: ({ message }) => `warning: ${message}`,
  trainer_crashed: ({ message }) => `the trainer crashed, and is tried again: ${message}`,
  quarantined: ({ reason }) => `a checkpoint is not used: ${reason}`,
};

/** What is not learnt for its length, which nobody may have meant. */
function leftOut(rows: number | null, truncated: number | null, dropped: number | null): string | null {
  if (truncated) return `${truncated} of ${rows} rows are cut off at max_length: what stands behind it is not learnt`;
  return dropped ? `${dropped} of ${rows} rows are left out, since they are longer than max_length` : null;
}

/** A line about an event; null where it is not worth one. */
export function eventLine({ kind, data }: StreamEvent): string | null {
  const line = LINES[kind]?.(data) ?? null;
  return line === null || typeof data.by !== 'string' ? line : `${line}, asked by ${data.by}`;
}
