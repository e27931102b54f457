import {
  type Attributes,
  type CreationOptional,
  DataTypes,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  type Sequelize,
  type Transaction,
} from 'sequelize';
import type { Hyperparameters } from '../../trainer/hyperparameters.ts';
import type { TrainingType } from '../../trainer/training-types.ts';
import type { Retention } from '../storage/retention.ts';
import { rateOf } from './learning-rates.ts';

/** The one row of defaults and limits; a migration puts it there. */
export class TrainingConfig extends Model<InferAttributes<TrainingConfig>, InferCreationAttributes<TrainingConfig>> {
  declare id: number;
  declare max_concurrent_workers: number;
  declare default_model: string;
  declare default_training_type: TrainingType;
  declare default_batch_size: number;
  /** Of every training type where it was chosen; else each type has its own. */
  declare default_learning_rate: number;
  declare learning_rate_is_chosen: CreationOptional<boolean>;
  declare default_epochs: number;
  declare default_lora_r: number;
  declare default_lora_alpha: number;
  declare default_lora_dropout: number;
  declare auto_start_workers: boolean;
  /** Names by which OpenAI's clients ask for base models, each with the name that it has here. */
  declare model_aliases: CreationOptional<Record<string, string>>;
  /** For how many days each kind is kept, where that was chosen; null: for ever. See src/models/storage/retention.ts. */
  declare retention: CreationOptional<Partial<Retention>>;
  declare created_at: CreationOptional<Date>;
  declare updated_at: CreationOptional<Date>;

  /** The row. */
  static async current(transaction: Transaction | null = null): Promise<TrainingConfig> {
    return await TrainingConfig.findByPk(1, { rejectOnEmpty: true, transaction });
  }
}

/** What jobs and projects are completed from. */
export type TrainingDefaults = Omit<Attributes<TrainingConfig>, 'retention' | 'created_at' | 'updated_at'>;

/** What a training of this type learns with unless it names a rate: what was set for all types, else what suits the type and the weights that it trains. */
export function learningRateOf(
  config: TrainingDefaults,
  type: TrainingType,
  chosen: Pick<Hyperparameters, 'finetuning_type'> = {},
): number {
  return config.learning_rate_is_chosen ? config.default_learning_rate : rateOf(type, chosen);
}

/** The base model that a name stands for: its own, unless it is an alias. Every object has a `constructor`, which is none. */
export function meantBy({ model_aliases }: Pick<TrainingDefaults, 'model_aliases'>, name: string): string {
  return new Map(Object.entries(model_aliases)).get(name) ?? name;
}

export function initTrainingConfig(sequelize: Sequelize): void {
  TrainingConfig.init(
    {
      id: { type: DataTypes.INTEGER, primaryKey: true },
      max_concurrent_workers: { type: DataTypes.INTEGER, allowNull: false },
      default_model: { type: DataTypes.STRING(255), allowNull: false },
      default_training_type: { type: DataTypes.STRING(16), allowNull: false },
      default_batch_size: { type: DataTypes.INTEGER, allowNull: false },
      default_learning_rate: { type: DataTypes.DOUBLE, allowNull: false },
      learning_rate_is_chosen: DataTypes.BOOLEAN,
      default_epochs: { type: DataTypes.INTEGER, allowNull: false },
      default_lora_r: { type: DataTypes.INTEGER, allowNull: false },
      default_lora_alpha: { type: DataTypes.INTEGER, allowNull: false },
      default_lora_dropout: { type: DataTypes.DOUBLE, allowNull: false },
      auto_start_workers: { type: DataTypes.BOOLEAN, allowNull: false },
      model_aliases: { type: DataTypes.JSONB, allowNull: false, defaultValue: {} },
      retention: { type: DataTypes.JSONB, allowNull: false, defaultValue: {} },
      created_at: DataTypes.DATE,
      updated_at: DataTypes.DATE,
    },
    { sequelize, tableName: 'training_config' },
  );
}
