import type { Transaction } from 'sequelize';
import { keptDays } from '../../activities/storage/kind.ts';
import { forgetFigures } from '../../activities/storage/measure.ts';
import {
  currentRetention,
  type Due,
  decide,
  dueThings,
  finishRemovals,
  type Told,
  whyOf,
} from '../../activities/storage/remove-due.ts';
import type { Retention, StorageKind } from '../../models/storage/retention.ts';
import type { Env } from '../../platform/env.ts';

/** So many are named, and removed, by one request. */
export const MOST_CLEANED = 200;

/** What is due now, and by which policy. */
export interface Found {
  retention: Retention;
  due: Due[];
  /** There is more than that. */
  isMore: boolean;
}

export interface Cleaned {
  kind: StorageKind;
  name: string;
  run_id: number | null;
  bytes: number | null;
  why: string;
}

/** @throws the error of a disk that is away */
export async function findDue(env: Env, kinds: readonly StorageKind[]): Promise<Found> {
  const retention = await currentRetention(env);
  const due: Due[] = [];
  for await (const one of dueThings(env, retention, kinds)) {
    if (due.length === MOST_CLEANED) return { retention, due, isMore: true };
    due.push(one);
  }
  return { retention, due, isMore: false };
}

/** What would go, and by which rule: nothing is decided by that. */
export function wouldGo({ retention, due }: Found): Cleaned[] {
  return due.map(({ kind, held }) => {
    const { name, run_id, bytes } = held;
    return { kind, name, run_id, bytes, why: whyOf(kind, keptDays(kind, held, retention[kind]) ?? 0) };
  });
}

/** Decides that these go, as the policy's own pass does; what was pinned or taken meanwhile stays. */
export async function cleanDue(env: Env, { retention, due }: Found, transaction: Transaction): Promise<Cleaned[]> {
  const cleaned: Cleaned[] = [];
  for (const one of due) {
    const removal = await decide(env, one, retention, 'request', transaction);
    if (removal) {
      const { kind, name, run_id, bytes, why } = removal;
      cleaned.push({ kind, name, run_id, bytes, why });
    }
  }
  return cleaned;
}

/** Carries out what was decided. Where this process ends before, the orchestrator does within a minute. */
export async function carryOutDecided(env: Env, kinds: readonly StorageKind[], logger: Told): Promise<void> {
  await finishRemovals(env, logger);
  await forgetFigures(kinds);
}
