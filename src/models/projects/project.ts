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
import type { HyperparameterChoices, MixingChoices } from '../runs/hyperparameter-choices.ts';
import type { ShownRun } from '../runs/latest-run.ts';
import type { AskedQueue } from '../runs/queue-choices.ts';
import type { AskedStart } from '../runs/start.ts';
import type { SweepSettings } from '../sweeps/search.ts';
import type { Tracker } from '../trackers/trackers.ts';
import type { Gate } from '../versions/gate.ts';
import type { Following } from './following.ts';
import type { ProjectTrait } from './project-trait.ts';

/** A training of several traits, each a mixture of datasets. Status and progress are those of its latest run. */
export class Project extends Model<InferAttributes<Project>, InferCreationAttributes<Project>> {
  declare id: CreationOptional<number>;
  declare name: string;
  declare description: string | null;
  declare base_model: string;
  /** Of rag; null: the one that is installed, where the base model answers. */
  declare embedding_model: CreationOptional<string | null>;
  declare training_type: TrainingType;
  /** Upper bound of the rows in the mixture. */
  declare max_rows: number;
  /** Absolute, under one of the output roots. */
  declare output_directory: string;
  /** Those that the user gave; the others come from the configuration when a run is made. */
  declare hyperparameters: HyperparameterChoices;
  declare mixing: CreationOptional<MixingChoices>;
  /** As it was asked for; null: its runs begin from the base model as it is. */
  declare trackers: CreationOptional<Tracker[]>;
  declare starts_from: CreationOptional<AskedStart | null>;
  /** The second part, as it was asked for with what it has from the first; null: there is none. */
  declare followed_by: CreationOptional<Following | null>;
  /** What must hold for a model to be promoted by itself; null: every one that completes is. */
  declare gate: CreationOptional<Gate | null>;
  /** When its first run is to begin, as it was asked for before it was started; null: nothing was. */
  declare queue: CreationOptional<AskedQueue | null>;
  /** The sweep that it is a run of, and what it has there that the others have otherwise. */
  declare sweep_id: CreationOptional<number | null>;
  declare sweep_settings: CreationOptional<SweepSettings | null>;
  declare latest_run_id: CreationOptional<number | null>;
  /** The name of the key that asked for it; null: of a service without keys, or from before. */
  declare created_by: CreationOptional<string | null>;
  declare created_at: CreationOptional<Date>;
  declare updated_at: CreationOptional<Date>;
  /** Present when asked for with LATEST_RUN and `include: {association: 'traits', include: ['datasets']}`. */
  declare latestRun?: NonAttribute<ShownRun>;
  declare traits?: NonAttribute<ProjectTrait[]>;
}

export function initProject(sequelize: Sequelize): void {
  Project.init(
    {
      id: { type: DataTypes.INTEGER, autoIncrement: true, primaryKey: true },
      name: { type: DataTypes.STRING(255), allowNull: false },
      description: DataTypes.TEXT,
      base_model: { type: DataTypes.STRING(255), allowNull: false },
      embedding_model: DataTypes.STRING(255),
      training_type: { type: DataTypes.STRING(16), allowNull: false },
      max_rows: { type: DataTypes.INTEGER, allowNull: false },
      output_directory: { type: DataTypes.TEXT, allowNull: false },
      hyperparameters: { type: DataTypes.JSONB, allowNull: false },
      mixing: { type: DataTypes.JSONB, allowNull: false, defaultValue: {} },
      trackers: DataTypes.JSONB,
      starts_from: DataTypes.JSONB,
      followed_by: DataTypes.JSONB,
      gate: DataTypes.JSONB,
      queue: DataTypes.JSONB,
      sweep_id: DataTypes.INTEGER,
      sweep_settings: DataTypes.JSONB,
      latest_run_id: DataTypes.INTEGER,
      created_by: { type: DataTypes.TEXT, defaultValue: () => askedBy() },
      created_at: DataTypes.DATE,
      updated_at: DataTypes.DATE,
    },
    { sequelize, tableName: 'projects' },
  );
}
