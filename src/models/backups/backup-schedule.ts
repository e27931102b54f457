import { DataTypes, type InferAttributes, type InferCreationAttributes, Model, type Sequelize } from 'sequelize';

/** At most one row: how the backups stand that the service makes by itself. */
export class BackupSchedule extends Model<InferAttributes<BackupSchedule>, InferCreationAttributes<BackupSchedule>> {
  declare id: number;
  declare directory: string;
  declare every_hours: number;
  /** Since when backups are to come into this folder. */
  declare set_at: Date;
  /** As of when the last one is that was verified; null: there is none yet. */
  declare last_success_at: Date | null;
  /** Since when attempts fail; null: the last one did not. */
  declare failing_since: Date | null;
  /** Why the last one did. Names folders: for those who may see them. */
  declare failure: string | null;
}

const ID = 1;

export function initBackupSchedule(sequelize: Sequelize): void {
  BackupSchedule.init(
    {
      id: { type: DataTypes.INTEGER, primaryKey: true },
      directory: { type: DataTypes.TEXT, allowNull: false },
      every_hours: { type: DataTypes.INTEGER, allowNull: false },
      set_at: { type: DataTypes.DATE, allowNull: false },
      last_success_at: { type: DataTypes.DATE },
      failing_since: { type: DataTypes.DATE },
      failure: { type: DataTypes.TEXT },
    },
    { sequelize, tableName: 'backup_schedule', timestamps: false },
  );
}

/**
 * Writes what the settings say. Of another folder nothing is known yet: what was backed up into the last one is not there.
 * @returns whether a backup has succeeded under them
 */
export async function planBackups(plan: { directory: string; everyHours: number } | null): Promise<boolean> {
  if (plan === null) {
    await BackupSchedule.destroy({ where: { id: ID } });
    return false;
  }
  const { directory, everyHours: every_hours } = plan;
  const known = await BackupSchedule.findByPk(ID);
  if (known?.directory !== directory) {
    const afresh = { set_at: new Date(), last_success_at: null, failing_since: null, failure: null };
    await BackupSchedule.upsert({ id: ID, directory, every_hours, ...afresh });
    return false;
  }
  if (known.every_hours !== every_hours) await known.update({ every_hours });
  return known.last_success_at !== null;
}

/** `asOf`: when the rows of the backup were read. */
export async function noteBackup(asOf: Date): Promise<void> {
  await BackupSchedule.update({ last_success_at: asOf, failing_since: null, failure: null }, { where: { id: ID } });
}

export async function noteFailedBackup(failure: string): Promise<void> {
  await BackupSchedule.update({ failing_since: new Date() }, { where: { id: ID, failing_since: null } });
  await BackupSchedule.update({ failure }, { where: { id: ID } });
}

/** One that began when it was due has ended by then, unless something is wrong. */
const LATE_AFTER_INTERVALS = 1.5;

export interface BackupStanding {
  /** `waiting`: there is none yet, and it is not time to worry. */
  status: 'waiting' | 'ok' | 'failing' | 'late';
  everyHours: number;
  lastSuccessAt: Date | null;
  failingSince: Date | null;
  /** Of the last that succeeded; without one, of the schedule. */
  ageS: number;
}

/** Null where no backups are scheduled. */
export async function backupStanding(nowMs = Date.now()): Promise<BackupStanding | null> {
  const row = await BackupSchedule.findByPk(ID);
  if (row === null) return null;
  const { every_hours: everyHours, last_success_at: lastSuccessAt, failing_since: failingSince } = row;
  const ageS = Math.max(0, (nowMs - (lastSuccessAt ?? row.set_at).getTime()) / 1000);
  const isLate = ageS > LATE_AFTER_INTERVALS * everyHours * 3600;
  const isWell = lastSuccessAt === null ? 'waiting' : 'ok';
  return { status: failingSince ? 'failing' : isLate ? 'late' : isWell, everyHours, lastSuccessAt, failingSince, ageS };
}
