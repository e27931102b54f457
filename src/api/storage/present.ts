import type { Cleaned } from '../../commands/storage/clean.ts';
import type { Overview } from '../../commands/storage/overview.ts';
import type { Removal } from '../../models/storage/removal.ts';
import { date } from '../http/shared-schema.ts';

export function presentOverview({ kinds, others, pins, disks, going }: Overview) {
  return {
    kinds: kinds.map(({ figures, measured_at, ...kind }) => ({
      ...kind,
      held: figures?.held ?? null,
      measured_at: date(measured_at),
      pinned: figures?.pinned ?? null,
      frees: figures?.due ?? null,
      biggest: (figures?.biggest ?? []).map(({ name, run_id, bytes, since, pinned, due_at = null }) => {
        return { name, run_id, bytes, since, pinned, due_at };
      }),
    })),
    others: others.map(({ figures, measured_at, ...other }) => ({
      ...other,
      held: figures?.held ?? null,
      measured_at: date(measured_at),
      biggest: (figures?.biggest ?? []).map(({ name, bytes, dataset_id = null }) => ({ name, bytes, dataset_id })),
    })),
    pins,
    disks,
    going,
  };
}

export function presentCleaned(items: Cleaned[], dry_run: boolean, is_more: boolean) {
  return { dry_run, items, bytes: items.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0), is_more };
}

export function presentRemoval(removal: Removal) {
  const { id, kind, name, run_id, bytes, why, asked_by, kept_because, decided_at, finished_at } = removal;
  const times = { decided_at: date(decided_at), finished_at: date(finished_at) };
  return { id, kind, name, run_id, bytes, why, asked_by, kept_because, ...times };
}
