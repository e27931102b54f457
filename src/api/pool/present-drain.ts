import type { Drain } from '../../models/pool/worker.ts';
import { date } from '../http/shared-schema.ts';

/** How far the drain of a host or worker is. @param isEmpty whether no process is left there */
export function presentDrain(row: { drain: Drain | null; drain_asked_at: Date | null }, isEmpty: boolean) {
  if (row.drain === null || row.drain_asked_at === null) return null;
  const state = isEmpty ? ('drained' as const) : ('draining' as const);
  return { state, move: row.drain === 'move', since: date(row.drain_asked_at) };
}
