import {
  type CreationOptional,
  DataTypes,
  type InferAttributes,
  type InferCreationAttributes,
  literal,
  Model,
  type Sequelize,
  type WhereOptions,
} from 'sequelize';
import { connection } from '../runs/run.ts';

/** How a fine-tuning job learns: from answers, or from pairs of which one is preferred. */
export const METHODS = ['supervised', 'dpo'] as const;
export type Method = (typeof METHODS)[number];

/** As it was asked for; `auto` is decided when the job is made. */
export interface OpenAiHyperparameters {
  n_epochs: number | 'auto';
  batch_size: number | 'auto';
  learning_rate_multiplier: number | 'auto';
  /** Of the method dpo alone. */
  beta?: number | 'auto';
}

/** What its runs are to be called in W&B; name null: by the job's id. */
export interface WandbIntegration {
  project: string;
  name: string | null;
  entity: string | null;
  tags: string[];
}

/** Why a fine-tuning job failed, with the name that OpenAI's API has for it. */
export interface OpenAiJobError {
  code: string;
  message: string;
  param: string | null;
}

/** A fine-tuning job as OpenAI's clients ask for it: what a job does not say by itself. */
export class OpenAiJob extends Model<InferAttributes<OpenAiJob>, InferCreationAttributes<OpenAiJob>> {
  /** In the order in which they came. */
  declare seq: CreationOptional<number>;
  declare id: string;
  /** Null: its files could not be used. */
  declare job_id: number | null;
  /** The base model by the name that was asked for. */
  declare model: string;
  declare training_file: string;
  declare validation_file: string | null;
  /** Under this id its figures can be downloaded once it has succeeded. */
  declare result_file: string;
  /** When it was written: once, so that one that was deleted stays so. */
  declare result_written_at: CreationOptional<Date | null>;
  /** Its name stands for no model any more. */
  declare model_deleted_at: CreationOptional<Date | null>;
  declare suffix: string | null;
  declare seed: number;
  declare method: Method;
  /** With the integration, which is a setting of its runs as well and has no column of its own. */
  declare hyperparameters: OpenAiHyperparameters & { wandb?: WandbIntegration };
  declare metadata: Record<string, string> | null;
  declare error: OpenAiJobError | null;
  declare fingerprint: string;
  declare created_at: CreationOptional<Date>;
}

/** Condition for jobs that have these pairs, and maybe more; null: for those without any. */
export function havingMetadata(pairs: Record<string, string> | null): WhereOptions {
  if (pairs === null) return { metadata: null };
  return literal(`metadata @> ${connection().escape(JSON.stringify(pairs))}::jsonb`);
}

export function initOpenAiJob(sequelize: Sequelize): void {
  OpenAiJob.init(
    {
      seq: { type: DataTypes.BIGINT, autoIncrement: true },
      id: { type: DataTypes.TEXT, primaryKey: true },
      job_id: DataTypes.INTEGER,
      model: { type: DataTypes.TEXT, allowNull: false },
      training_file: { type: DataTypes.TEXT, allowNull: false },
      validation_file: DataTypes.TEXT,
      result_file: { type: DataTypes.TEXT, allowNull: false },
      result_written_at: DataTypes.DATE,
      model_deleted_at: DataTypes.DATE,
      suffix: DataTypes.TEXT,
      seed: { type: DataTypes.INTEGER, allowNull: false },
      method: { type: DataTypes.TEXT, allowNull: false },
      hyperparameters: { type: DataTypes.JSONB, allowNull: false },
      metadata: DataTypes.JSONB,
      error: DataTypes.JSONB,
      fingerprint: { type: DataTypes.CHAR(64), allowNull: false },
      created_at: DataTypes.DATE,
    },
    { sequelize, tableName: 'openai_jobs', updatedAt: false },
  );
}
