import {
  type CreationOptional,
  DataTypes,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  type Sequelize,
} from 'sequelize';

export const DOWNLOAD_STATUSES = ['pending', 'running', 'paused', 'completed', 'failed', 'cancelled'] as const;
export type DownloadStatus = (typeof DOWNLOAD_STATUSES)[number];

/** Of downloads that go on, or will. */
export const OPEN_DOWNLOADS: DownloadStatus[] = ['pending', 'running', 'paused'];

/** A model that is fetched from a hub into the cache of a host. Its status is written by download-transitions.ts alone. */
export class ModelDownload extends Model<InferAttributes<ModelDownload>, InferCreationAttributes<ModelDownload>> {
  declare id: CreationOptional<number>;
  /** Names the folder of what it has fetched. */
  declare key: CreationOptional<string>;
  declare name: string;
  /** As it was asked for: a branch, a tag or a commit. */
  declare revision: string;
  /** Of that revision; null until the hub has said it. */
  declare commit: CreationOptional<string | null>;
  declare host: string;
  declare status: CreationOptional<DownloadStatus>;
  /** A paused one goes on when it is resumed, or by itself once the disk has room. */
  declare pause_cause: CreationOptional<'asked' | 'full_disk' | null>;
  declare bytes_total: CreationOptional<number | null>;
  declare bytes_done: CreationOptional<number>;
  declare files_total: CreationOptional<number | null>;
  declare files_done: CreationOptional<number>;
  declare license: CreationOptional<string | null>;
  /** Why what is tried again and again does not succeed; null while all is well. */
  declare waiting_for: CreationOptional<string | null>;
  declare waiting_attempts: CreationOptional<number>;
  declare waiting_bytes: CreationOptional<number | null>;
  declare error_message: CreationOptional<string | null>;
  declare workflow_started_at: CreationOptional<Date | null>;
  /** When what a cancelled one had fetched was removed. */
  declare cleaned_at: CreationOptional<Date | null>;
  declare created_at: CreationOptional<Date>;
  declare updated_at: CreationOptional<Date>;
  declare finished_at: CreationOptional<Date | null>;
}

/** Why an open download that nobody has paused does not go on; null: it does. One whose host is not among those present hears of nothing. */
export function troubleOf({ host, waiting_for }: ModelDownload, present: string[]): string | null {
  if (!present.includes(host)) return `Host ${host} is away. The download goes on by itself when its agent is back.`;
  return waiting_for ?? null;
}

export function initModelDownload(sequelize: Sequelize): void {
  ModelDownload.init(
    {
      id: { type: DataTypes.INTEGER, autoIncrement: true, primaryKey: true },
      key: DataTypes.UUID,
      name: { type: DataTypes.TEXT, allowNull: false },
      revision: { type: DataTypes.TEXT, allowNull: false },
      commit: DataTypes.STRING(64),
      host: { type: DataTypes.STRING(63), allowNull: false },
      status: DataTypes.STRING(16),
      pause_cause: DataTypes.STRING(16),
      bytes_total: DataTypes.BIGINT,
      bytes_done: DataTypes.BIGINT,
      files_total: DataTypes.INTEGER,
      files_done: DataTypes.INTEGER,
      license: DataTypes.TEXT,
      waiting_for: DataTypes.TEXT,
      waiting_attempts: DataTypes.INTEGER,
      waiting_bytes: DataTypes.BIGINT,
      error_message: DataTypes.TEXT,
      workflow_started_at: DataTypes.DATE,
      cleaned_at: DataTypes.DATE,
      created_at: DataTypes.DATE,
      updated_at: DataTypes.DATE,
      finished_at: DataTypes.DATE,
    },
    { sequelize, tableName: 'model_downloads' },
  );
}
