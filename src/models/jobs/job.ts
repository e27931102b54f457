import {
  type CreationOptional,
  DataTypes,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  type NonAttribute,
  type Sequelize,
} from 'sequelize';
import { askedBy } from '../../platform/asked-by.ts';
import type { TrainingType } from '../../trainer/training-types.ts';
import type { HyperparameterChoices } from '../runs/hyperparameter-choices.ts';
import type { ShownRun } from '../runs/latest-run.ts';
import type { AskedStart } from '../runs/start.ts';
import type { SweepSettings } from '../sweeps/search.ts';
import type { Tracker } from '../trackers/trackers.ts';

/**
 * A training of one dataset. Status and progress are those of its latest run. A field more: a column by a new migration (named in
 * src/models/migrate.ts), here, in add-job.ts, in src/commands/jobs/create-job.ts, which takes what it does not name for a
 * hyperparameter, and in src/api/jobs what may be asked for and what is shown (schema.ts, present.ts). What decides the training is a
 * hyperparameter: src/models/runs/run-spec.ts, src/trainer/hyperparameters.ts and trainer/runs/hyperparameters.py.
 */
export class Job extends Model<InferAttributes<Job>, InferCreationAttributes<Job>> {
  declare id: CreationOptional<number>;
  declare name: string;
  declare description: string | null;
  declare dataset_id: number;
  /** What its held-out rows come from; null: from the one above. */
  declare validation_dataset_id: CreationOptional<number | null>;
  declare training_type: TrainingType;
  declare model_name: string;
  /** Of rag; null: the one that is installed, where the model above answers. */
  declare embedding_model: CreationOptional<string | null>;
  declare batch_size: number;
  declare learning_rate: number;
  declare epochs: number;
  declare lora_r: number;
  declare lora_alpha: number;
  declare lora_dropout: number;
  /** Those beyond the reference's own fields. */
  declare hyperparameters: HyperparameterChoices;
  /** The sweep that it is a run of, and what it has there that the others have otherwise. */
  declare sweep_id: CreationOptional<number | null>;
  declare sweep_settings: CreationOptional<SweepSettings | null>;
  /** As it was asked for; null: its runs begin from the base model as it is. */
  declare trackers: CreationOptional<Tracker[]>;
  declare starts_from: CreationOptional<AskedStart | null>;
  declare latest_run_id: CreationOptional<number | null>;
  /** The name of the key that asked for it; null: of a service without keys, or from before. */
  declare created_by: CreationOptional<string | null>;
  declare created_at: CreationOptional<Date>;
  declare updated_at: CreationOptional<Date>;
  /** Present when asked for with LATEST_RUN. */
  declare latestRun?: NonAttribute<ShownRun>;
}

export function initJob(sequelize: Sequelize): void {
  Job.init(
    {
      id: { type: DataTypes.INTEGER, autoIncrement: true, primaryKey: true },
      name: { type: DataTypes.STRING(255), allowNull: false },
      description: DataTypes.TEXT,
      dataset_id: { type: DataTypes.INTEGER, allowNull: false },
      validation_dataset_id: DataTypes.INTEGER,
      training_type: { type: DataTypes.STRING(16), allowNull: false },
      model_name: { type: DataTypes.STRING(255), allowNull: false },
      embedding_model: DataTypes.STRING(255),
      batch_size: { type: DataTypes.INTEGER, allowNull: false },
      learning_rate: { type: DataTypes.DOUBLE, allowNull: false },
      epochs: { type: DataTypes.INTEGER, allowNull: false },
      lora_r: { type: DataTypes.INTEGER, allowNull: false },
      lora_alpha: { type: DataTypes.INTEGER, allowNull: false },
      lora_dropout: { type: DataTypes.DOUBLE, allowNull: false },
      hyperparameters: { type: DataTypes.JSONB, allowNull: false },
      sweep_id: DataTypes.INTEGER,
      sweep_settings: DataTypes.JSONB,
      trackers: DataTypes.JSONB,
      starts_from: DataTypes.JSONB,
      latest_run_id: DataTypes.INTEGER,
      created_by: { type: DataTypes.TEXT, defaultValue: () => askedBy() },
      created_at: DataTypes.DATE,
      updated_at: DataTypes.DATE,
    },
    { sequelize, tableName: 'jobs' },
  );
}
