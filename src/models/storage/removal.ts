import {
  type CreationOptional,
  DataTypes,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  QueryTypes,
  type Sequelize,
} from 'sequelize';
import { connection } from '../runs/run.ts';
import type { StorageKind } from './retention.ts';

/** Who removes has so long until another may: longer than it takes to take something out of its place. */
const CLAIM_S = 60;
/** So many that are done are kept, for whoever misses a file. */
const MOST_KEPT = 10_000;

/**
 * Something is to go: committed with the decision, before a file is touched. Whoever is killed in between leaves it to the next look;
 * one that is done says why a thing is not there any more.
 */
export class Removal extends Model<InferAttributes<Removal>, InferCreationAttributes<Removal>> {
  declare id: CreationOptional<number>;
  declare kind: StorageKind;
  /** By which its kind finds it. */
  declare thing: string;
  /** What people call it. */
  declare name: string;
  /** May be deleted by now. */
  declare run_id: number | null;
  /** Null: not known. */
  declare bytes: number | null;
  declare why: string;
  declare asked_by: 'policy' | 'request';
  /** By which it was due. */
  declare keep_days: number;
  /** Why it was found to be needed after all; null: it went. */
  declare kept_because: CreationOptional<string | null>;
  declare decided_at: CreationOptional<Date>;
  declare finished_at: CreationOptional<Date | null>;
}

export function initRemoval(sequelize: Sequelize): void {
  Removal.init(
    {
      id: { type: DataTypes.INTEGER, autoIncrement: true, primaryKey: true },
      kind: { type: DataTypes.TEXT, allowNull: false },
      thing: { type: DataTypes.TEXT, allowNull: false },
      name: { type: DataTypes.TEXT, allowNull: false },
      run_id: DataTypes.INTEGER,
      bytes: DataTypes.BIGINT,
      why: { type: DataTypes.TEXT, allowNull: false },
      asked_by: { type: DataTypes.TEXT, allowNull: false },
      keep_days: { type: DataTypes.DOUBLE, allowNull: false },
      kept_because: DataTypes.TEXT,
      decided_at: { type: DataTypes.DATE, defaultValue: DataTypes.NOW },
      finished_at: DataTypes.DATE,
    },
    { sequelize, tableName: 'storage_removals', timestamps: false },
  );
}

/** Takes removals that nobody else is at, after those that were taken before. */
export async function claimRemovals(afterId: number, most: number): Promise<Removal[]> {
  const rows = await connection().query<{ id: number }>(
    `UPDATE storage_removals SET claimed_until = now() + interval '${CLAIM_S} seconds' WHERE id IN (
       SELECT id FROM storage_removals WHERE finished_at IS NULL AND id > $afterId AND (claimed_until IS NULL OR claimed_until < now())
       ORDER BY id LIMIT $most FOR UPDATE SKIP LOCKED) RETURNING id`,
    { bind: { afterId, most }, type: QueryTypes.SELECT },
  );
  return await Removal.findAll({ where: { id: rows.map(({ id }) => id) }, order: [['id', 'ASC']] });
}

/** @param kept_because null: it is gone */
export async function finishRemoval(id: number, kept_because: string | null): Promise<void> {
  await Removal.update({ kept_because, finished_at: new Date() }, { where: { id, finished_at: null } });
}

/** Lets the next look try again. */
export async function leaveRemoval(id: number): Promise<void> {
  await connection().query('UPDATE storage_removals SET claimed_until = NULL WHERE id = $id', { bind: { id } });
}

/** Keeps the list short. */
export async function forgetOldRemovals(): Promise<void> {
  await connection().query(
    `DELETE FROM storage_removals WHERE finished_at IS NOT NULL AND id <= (SELECT max(id) FROM storage_removals) - ${MOST_KEPT}`,
  );
}
