import type { Env } from '../../platform/env.ts';
import { plannedDevices } from './devices.ts';
import { startsOfLine } from './queue-time.ts';

/**
 * When runs in the line are expected to get a worker, by their places; null where nobody knows. By the estimates of those before
 * them, or as long as a typical run takes: what is asked for later and goes before them is not foreseen.
 */
export async function expectedStarts(env: Env): Promise<(place: number) => Date | null> {
  const [device] = await plannedDevices();
  if (!device) return () => null;
  const starts = await startsOfLine(env, device);
  const nowMs = Date.now();
  return (place) => {
    // The last is that of a run which is not in it.
    const seconds = place < starts.length ? (starts[place - 1] ?? null) : null;
    return seconds === null ? null : new Date(nowMs + seconds * 1_000);
  };
}
