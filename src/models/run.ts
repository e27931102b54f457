import {
  type CreationOptional,
  DataTypes,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  type Sequelize,
} from 'sequelize';
import type { TokenCount } from '../datasets/draft.ts';
import type { KeptPlan } from '../datasets/mixture.ts';
import type { TrainResult, ValidationResult } from '../trainer/protocol.ts';
import type { RunSpec } from './run-spec.ts';
import type { RunPhase, RunStatus } from './statuses.ts';

/** What training gave, and where the finished model waits to be validated and published. */
export type TrainingRecord = TrainResult & { staging_path: string };

/** The plan of a mixture, and its tokens, once the trainer has read them. */
export type RunPlan = KeptPlan & { tokens?: TokenCount | null };

/** One attempt at training, of a job or of a project. Its status is written by transition() alone. */
export class Run extends Model<InferAttributes<Run>, InferCreationAttributes<Run>> {
  declare id: CreationOptional<number>;
  declare job_id: number | null;
  declare project_id: number | null;
  /** 1 for the first run of its job or project, then counting. */
  declare number: number;
  /** The run whose mixture and checkpoints this one goes on from; null starts at step 0. */
  declare resumes_run_id: CreationOptional<number | null>;
  declare spec: RunSpec;
  declare status: RunStatus;
  declare phase: RunPhase;
  /** Percent, 0 to 100. */
  declare progress: CreationOptional<number>;
  declare current_step: CreationOptional<number>;
  declare total_steps: CreationOptional<number | null>;
  declare current_epoch: CreationOptional<number>;
  declare current_loss: CreationOptional<number | null>;
  declare tokens_per_s: CreationOptional<number | null>;
  declare seconds_left: CreationOptional<number | null>;
  /** Counts the claims of this run; a write by the holder of an older claim is refused. */
  declare lease_epoch: CreationOptional<number>;
  declare lease_expires_at: CreationOptional<Date | null>;
  declare worker_id: CreationOptional<string | null>;
  /** Why it is to hold no worker until it is resumed; null: it goes on. Written by its workflow alone, see pause.ts. */
  declare pause_reason: CreationOptional<string | null>;
  declare error_class: CreationOptional<string | null>;
  declare error_message: CreationOptional<string | null>;
  /** The mixture's plan, as the data engine gave it. */
  declare plan: CreationOptional<RunPlan | null>;
  declare result: CreationOptional<TrainingRecord | null>;
  declare validation: CreationOptional<ValidationResult | null>;
  /** The published model; null until it is there. */
  declare output_path: CreationOptional<string | null>;
  declare workflow_id: string;
  declare workflow_started_at: CreationOptional<Date | null>;
  declare workflow_closed_at: CreationOptional<Date | null>;
  declare created_at: CreationOptional<Date>;
  declare updated_at: CreationOptional<Date>;
  declare started_at: CreationOptional<Date | null>;
  declare finished_at: CreationOptional<Date | null>;
}

/** The database that the models are connected to. @throws Error before connectModels */
export function connection(): Sequelize {
  const { sequelize } = Run;
  if (!sequelize) throw new Error('The models are not connected to a database.');
  return sequelize;
}

export function initRun(sequelize: Sequelize): void {
  Run.init(
    {
      id: { type: DataTypes.INTEGER, autoIncrement: true, primaryKey: true },
      job_id: DataTypes.INTEGER,
      project_id: DataTypes.INTEGER,
      number: { type: DataTypes.INTEGER, allowNull: false },
      resumes_run_id: DataTypes.INTEGER,
      spec: { type: DataTypes.JSONB, allowNull: false },
      status: { type: DataTypes.STRING(16), allowNull: false },
      phase: { type: DataTypes.STRING(32), allowNull: false },
      progress: { type: DataTypes.DOUBLE, allowNull: false, defaultValue: 0 },
      current_step: { type: DataTypes.INTEGER, allowNull: false, defaultValue: 0 },
      total_steps: DataTypes.INTEGER,
      current_epoch: { type: DataTypes.INTEGER, allowNull: false, defaultValue: 0 },
      current_loss: DataTypes.DOUBLE,
      tokens_per_s: DataTypes.DOUBLE,
      seconds_left: DataTypes.DOUBLE,
      lease_epoch: { type: DataTypes.INTEGER, allowNull: false, defaultValue: 0 },
      lease_expires_at: DataTypes.DATE,
      worker_id: DataTypes.STRING(64),
      pause_reason: DataTypes.TEXT,
      error_class: DataTypes.STRING(64),
      error_message: DataTypes.TEXT,
      plan: DataTypes.JSONB,
      result: DataTypes.JSONB,
      validation: DataTypes.JSONB,
      output_path: DataTypes.TEXT,
      workflow_id: { type: DataTypes.TEXT, allowNull: false },
      workflow_started_at: DataTypes.DATE,
      workflow_closed_at: DataTypes.DATE,
      created_at: DataTypes.DATE,
      updated_at: DataTypes.DATE,
      started_at: DataTypes.DATE,
      finished_at: DataTypes.DATE,
    },
    { sequelize, tableName: 'runs' },
  );
}
