import { useSyncExternalStore } from 'react';
import { keep, kept } from './storage.ts';

const LAST = 'mtm last looked';
const BEFORE = 'mtm looked before';
const EVERY_MS = 15_000;
/** Who looks elsewhere for less than this has missed nothing. */
const AWAY_MS = 5 * 60_000;

const looked = {
  before: timeOf(kept(BEFORE, 'tab')),
  listeners: new Set<() => void>(),
};

/** Keeps in this browser when it was looked at, in any tab. To be called once. */
export function rememberLooking(): void {
  look();
  // A computer that sleeps calls nothing: the first call after that is a long time after the last one.
  window.setInterval(look, EVERY_MS);
  document.addEventListener('visibilitychange', look);
}

/** When the viewer had the page before them for the last time, before they came back to it; null: they were not away. The same after a reload. */
export function useLastLooked(): Date | null {
  return useSyncExternalStore(subscribe, () => looked.before);
}

function subscribe(listener: () => void): () => void {
  looked.listeners.add(listener);
  return () => looked.listeners.delete(listener);
}

function look(): void {
  if (document.visibilityState !== 'visible') return;
  const [last, now] = [timeOf(kept(LAST)), new Date()];
  if (last !== null && now.getTime() - last.getTime() >= AWAY_MS) {
    looked.before = last;
    keep(BEFORE, last.toISOString(), 'tab');
    for (const each of looked.listeners) each();
  }
  keep(LAST, now.toISOString());
}

function timeOf(text: string | null): Date | null {
  const time = new Date(text ?? Number.NaN);
  return Number.isNaN(time.getTime()) ? null : time;
}
