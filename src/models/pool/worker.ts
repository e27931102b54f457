import { randomBytes } from 'node:crypto';
import {
  type CreationOptional,
  DataTypes,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  type Sequelize,
} from 'sequelize';
import type { WorkerStatus } from './worker-statuses.ts';

/** How workers are emptied: what they train goes on to its end there, or is saved and goes on elsewhere. */
export type Drain = 'finish' | 'move';

/** A training worker process: what is wanted of it, and what its host agent last saw. */
export class Worker extends Model<InferAttributes<Worker>, InferCreationAttributes<Worker>> {
  declare id: string;
  declare host: string;
  declare desired: 'running' | 'stopped';
  declare status: WorkerStatus;
  declare pid: CreationOptional<number | null>;
  /** When the kernel says that the process began: a pid alone may have been given to another process. */
  declare pid_started: CreationOptional<string | null>;
  /** What its process trains on: `cpu`, or `cuda:` and which one; null until the process is started. */
  declare device: CreationOptional<string | null>;
  declare current_run_id: CreationOptional<number | null>;
  declare runs_completed: CreationOptional<number>;
  /** The worker whose place this one takes, which died or is restarted. */
  declare replaces: CreationOptional<string | null>;
  /** What the pool was last asked about it, by whoever; null: nobody asked, it took another's place. */
  declare asked: CreationOptional<'start' | 'stop' | 'restart' | null>;
  declare asked_at: CreationOptional<Date>;
  /** Why it is in `error`, or is not started yet. */
  declare reason: CreationOptional<string | null>;
  declare started_at: Date;
  declare last_activity_at: Date;
  declare heartbeat_at: CreationOptional<Date | null>;
  declare stopped_at: CreationOptional<Date | null>;
  /** Since when its host has been away; null: it is there. A lost worker counts for nothing until its host is back. */
  declare lost_at: CreationOptional<Date | null>;
  /** Its process is not to be started before. */
  declare start_after: CreationOptional<Date | null>;
  /** How this worker alone is being emptied; null: it is not, though its host may be. */
  declare drain: CreationOptional<Drain | null>;
  declare drain_asked_at: CreationOptional<Date | null>;
}

/** A name that no other worker has, nor will have: rows of workers that ended stay. */
export function newWorkerId(): string {
  return `worker-${randomBytes(6).toString('hex')}`;
}

/** A worker that is wanted and whose process is not there yet. */
export function newWorker(id: string, host: string, replaces: string | null = null) {
  const now = new Date();
  return {
    id,
    host,
    desired: 'running',
    status: 'starting',
    replaces,
    asked: replaces === null ? 'start' : null,
    started_at: now,
    last_activity_at: now,
  } as const;
}

export function initWorker(sequelize: Sequelize): void {
  Worker.init(
    {
      id: { type: DataTypes.STRING(64), primaryKey: true },
      host: { type: DataTypes.STRING(63), allowNull: false },
      desired: { type: DataTypes.STRING(16), allowNull: false },
      status: { type: DataTypes.STRING(16), allowNull: false },
      pid: DataTypes.INTEGER,
      pid_started: DataTypes.TEXT,
      device: DataTypes.STRING(1100),
      current_run_id: DataTypes.INTEGER,
      runs_completed: { type: DataTypes.INTEGER, allowNull: false, defaultValue: 0 },
      replaces: DataTypes.STRING(64),
      asked: DataTypes.STRING(16),
      asked_at: DataTypes.DATE,
      reason: DataTypes.TEXT,
      started_at: { type: DataTypes.DATE, allowNull: false },
      last_activity_at: { type: DataTypes.DATE, allowNull: false },
      heartbeat_at: DataTypes.DATE,
      stopped_at: DataTypes.DATE,
      lost_at: DataTypes.DATE,
      start_after: DataTypes.DATE,
      drain: DataTypes.TEXT,
      drain_asked_at: DataTypes.DATE,
    },
    { sequelize, tableName: 'workers', timestamps: false },
  );
}
