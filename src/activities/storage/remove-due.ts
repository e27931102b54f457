import { type Transaction, UniqueConstraintError } from 'sequelize';
import { connection } from '../../models/runs/run.ts';
import { TrainingConfig } from '../../models/settings/training-config.ts';
import {
  claimRemovals,
  finishRemoval,
  forgetOldRemovals,
  leaveRemoval,
  Removal,
} from '../../models/storage/removal.ts';
import { type Retention, retentionOf, STORAGE_KINDS, type StorageKind } from '../../models/storage/retention.ts';
import type { Env } from '../../platform/env.ts';
import { dueBefore, type Held, isDue, keptDays } from './kind.ts';
import { KINDS } from './kinds.ts';

const REMOVALS_AT_ONCE = 50;

/** Logs what was removed, and what could not be. */
export interface Told {
  info(about: object, sentence: string): void;
  warn(about: object, sentence: string): void;
}

/** Something that is due, of one kind. */
export interface Due {
  kind: StorageKind;
  held: Held;
}

export async function currentRetention(env: Env): Promise<Retention> {
  return retentionOf(await TrainingConfig.current(), env);
}

/** All that is due now, from what is worth nothing to what is dear, with a few things in memory at a time. */
export async function* dueThings(
  env: Env,
  retention: Retention,
  kinds: readonly StorageKind[] = STORAGE_KINDS,
): AsyncGenerator<Due> {
  for (const kind of STORAGE_KINDS) {
    const days = retention[kind];
    if (days === null || !kinds.includes(kind)) continue;
    const { held: allOf, size } = KINDS[kind];
    for await (const held of allOf(env, dueBefore(kind, days)))
      if (isDue(kind, held, days))
        yield { kind, held: { ...held, bytes: (await size?.(env, held.thing)) ?? held.bytes } };
  }
}

/**
 * Decides that a thing goes, if it is still due: in one transaction, under the locks that whoever needs it takes as well.
 * @returns null where it stays, or is already going
 */
export async function decide(
  env: Env,
  { kind, held: { thing, bytes } }: Due,
  retention: Retention,
  asked_by: Removal['asked_by'],
  transaction: Transaction,
): Promise<Removal | null> {
  const { look, release } = KINDS[kind];
  const held = await look(env, thing, transaction);
  if (!held || !isDue(kind, held, retention[kind])) return null;
  if ((await Removal.count({ where: { kind, thing, finished_at: null }, transaction })) > 0) return null;
  const keep_days = keptDays(kind, held, retention[kind]) ?? 0;
  const why = whyOf(kind, keep_days);
  await release?.(env, thing, why, transaction);
  const { name, run_id } = held;
  return await Removal.create({ kind, thing, name, run_id, bytes, why, asked_by, keep_days }, { transaction });
}

/** As the end of a sentence: a checkpoint was removed by policy … */
export function whyOf(kind: StorageKind, keepDays: number): string {
  return `removed by policy ${kind} after ${daysInWords(keepDays)}`;
}

function daysInWords(days: number): string {
  if (days < 1 && days > 0) return `${Math.round(days * 24 * 10) / 10} hours`;
  return days === 1 ? '1 day' : `${Math.round(days * 10) / 10} days`;
}

/**
 * Removes all that the policy says, and what was decided before and not carried out. What cannot be removed, since its disk is away, keeps
 * nothing else from it.
 * @returns the bytes that went, as far as they are known
 */
export async function removeDue(env: Env, logger: Told): Promise<number> {
  let bytes = await finishRemovals(env, logger);
  const retention = await currentRetention(env);
  for (const kind of STORAGE_KINDS) {
    try {
      for await (const due of dueThings(env, retention, [kind])) {
        const removal = await decideAlone(env, due, retention);
        // Those before it that could not be carried out are not tried again for each.
        if (removal) bytes += await carryOutNext(env, removal.id - 1, 1, logger).then((done) => done.bytes);
      }
    } catch (err) {
      logger.warn({ err, kind }, 'Something could not be tidied up.');
    }
  }
  await forgetOldRemovals();
  return bytes;
}

async function decideAlone(env: Env, due: Due, retention: Retention): Promise<Removal | null> {
  try {
    return await connection().transaction((transaction) => decide(env, due, retention, 'policy', transaction));
  } catch (error) {
    // Somebody else decided at the same moment.
    if (error instanceof UniqueConstraintError) return null;
    throw error;
  }
}

/** Carries out what was decided, by whoever. @returns the bytes that went, as far as they are known */
export async function finishRemovals(env: Env, logger: Told): Promise<number> {
  let bytes = 0;
  for (let after = 0; ; ) {
    const done = await carryOutNext(env, after, REMOVALS_AT_ONCE, logger);
    bytes += done.bytes;
    if (done.lastId === null) return bytes;
    after = done.lastId;
  }
}

async function carryOutNext(env: Env, afterId: number, most: number, logger: Told) {
  const claimed = await claimRemovals(afterId, most);
  let bytes = 0;
  for (const removal of claimed) bytes += await carryOut(env, removal, logger);
  return { bytes, lastId: claimed.at(-1)?.id ?? null };
}

async function carryOut(env: Env, removal: Removal, logger: Told): Promise<number> {
  const { id, kind, name, run_id: runId, bytes, why } = removal;
  try {
    const kept = await KINDS[kind].remove(env, removal);
    await finishRemoval(id, kept);
    logger.info({ kind, runId, bytes, removal: id }, kept === null ? `${name}: ${why}.` : `${name} stays: ${kept}.`);
    return kept === null ? Number(bytes ?? 0) : 0;
  } catch (err) {
    await leaveRemoval(id);
    logger.warn({ err, kind, runId, removal: id }, 'Something could not be tidied up.');
    return 0;
  }
}
