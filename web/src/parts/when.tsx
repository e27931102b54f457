import { useSyncExternalStore } from 'react';

const TICK_MS = 5_000;

/** One clock for all times on the page. */
const clock = {
  now: Date.now(),
  listeners: new Set<() => void>(),
  timer: 0,
};

function subscribe(listener: () => void): () => void {
  clock.listeners.add(listener);
  if (clock.listeners.size === 1) {
    clock.now = Date.now();
    clock.timer = window.setInterval(() => {
      clock.now = Date.now();
      for (const each of clock.listeners) each();
    }, TICK_MS);
  }
  return () => {
    clock.listeners.delete(listener);
    if (clock.listeners.size === 0) window.clearInterval(clock.timer);
  };
}

const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'long' });
const STEPS = [
  ['second', 1, 60],
  ['minute', 60, 60],
  ['hour', 3_600, 24],
  ['day', 86_400, 30],
] as const;

/** A time such as `3 minutes ago`, in the zone of the viewer; the exact one, and that of the API, when the pointer rests on it. */
export function When({ at }: { at: string | Date | null }) {
  const now = useSyncExternalStore(subscribe, () => clock.now);
  if (at === null) return <>—</>;
  const date = new Date(at);
  return (
    <time dateTime={date.toISOString()} title={`${exact.format(date)} (${date.toISOString()})`}>
      {agoOf(date, now)}
    </time>
  );
}

/** Of a time as the API tells it, and one that may not be known. */
export function isAfter(at: string | null, since: Date | null): boolean {
  return at !== null && since !== null && new Date(at) > since;
}

function agoOf(date: Date, now: number): string {
  const seconds = (date.getTime() - now) / 1000;
  // The clocks of two machines differ by seconds.
  if (Math.abs(seconds) < 5) return 'just now';
  for (const [unit, size, most] of STEPS)
    if (Math.abs(seconds) < size * most) return relative.format(Math.round(seconds / size), unit);
  return exact.format(date);
}
