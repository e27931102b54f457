import type { Transaction } from 'sequelize';
import type { Removal } from '../../models/storage/removal.ts';
import { RETENTION, type StorageKind } from '../../models/storage/retention.ts';
import type { Env } from '../../platform/env.ts';

const DAY_MS = 24 * 3_600_000;

/** Something that a kind has, and may remove. */
export interface Held {
  /** By which the kind finds it again. */
  thing: string;
  /** What people call it. */
  name: string;
  run_id: number | null;
  /** About so many; null: only `size` finds out, or nobody. */
  bytes: number | null;
  /** From when its age counts. */
  since: Date;
  /** Why it stays whatever its age; null: it may go. */
  pinned: string | null;
  /** For how many days it is kept, where that is otherwise than of the others of its kind. */
  days?: number;
}

/** What is removed in one way, by one rule. In RETENTION is in words what it is. */
export interface Kind {
  name: StorageKind;
  /** All that it has, with a few in memory at a time; with `before`, it is enough to find those whose age counts from before it. */
  held(env: Env, before?: Date): AsyncIterable<Held>;
  /** The bytes that it frees, exactly, which takes longer than `held` and `look` may. */
  size?(env: Env, thing: string): Promise<number>;
  /**
   * One of them as it is now; null where it is there no more. What is pinned by rows is locked against whoever would pin it, until the
   * end of the transaction.
   */
  look(env: Env, thing: string, transaction: Transaction): Promise<Held | null>;
  /** Takes it from whoever reads rows, in the transaction that decided. */
  release?(env: Env, thing: string, why: string, transaction: Transaction): Promise<void>;
  /** Removes what is left of it. May be done again, after a kill at any point. @returns why it stays after all, or null */
  remove(env: Env, removal: Removal): Promise<string | null>;
}

/** For how many days it is kept; null: for ever. */
export function keptDays(kind: StorageKind, { days, pinned }: Held, keepDays: number | null): number | null {
  if (keepDays === null || pinned !== null) return null;
  return days ?? Math.max(RETENTION[kind].leastDays, keepDays);
}

/** When the policy removes it; null: never. */
export function dueAt(kind: StorageKind, held: Held, keepDays: number | null): Date | null {
  const days = keptDays(kind, held, keepDays);
  return days === null ? null : new Date(held.since.getTime() + days * DAY_MS);
}

/** Of a kind without exceptions, what counts from before this is due. */
export function dueBefore(kind: StorageKind, keepDays: number): Date {
  return new Date(Date.now() - Math.max(RETENTION[kind].leastDays, keepDays) * DAY_MS);
}

export function isDue(kind: StorageKind, held: Held, keepDays: number | null): boolean {
  const at = dueAt(kind, held, keepDays);
  return at !== null && at.getTime() < Date.now();
}
