import {
  type CreationOptional,
  DataTypes,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  type Sequelize,
} from 'sequelize';
import type { DeviceFigures } from '../../trainer/protocol.ts';

/** The figures of one optimizer step. A step that is done again after a loss of the worker replaces its row. */
export class RunMetric extends Model<InferAttributes<RunMetric>, InferCreationAttributes<RunMetric>> {
  declare run_id: number;
  declare step: number;
  /** The claim of the run that did it. */
  declare lease_epoch: CreationOptional<number>;
  declare epoch: number;
  declare loss: number | null;
  declare eval_loss: CreationOptional<number | null>;
  declare learning_rate: number | null;
  declare grad_norm: number | null;
  declare tokens: number | null;
  declare tokens_per_s: number | null;
  /** The most memory that training had taken by then. */
  declare memory_bytes: CreationOptional<number | null>;
  declare device: CreationOptional<DeviceFigures | null>;
  /** Of pairs of answers. */
  declare reward_margin: CreationOptional<number | null>;
  declare reward_accuracy: CreationOptional<number | null>;
  declare created_at: CreationOptional<Date>;
}

export function initRunMetric(sequelize: Sequelize): void {
  RunMetric.init(
    {
      run_id: { type: DataTypes.INTEGER, primaryKey: true },
      step: { type: DataTypes.INTEGER, primaryKey: true },
      lease_epoch: { type: DataTypes.INTEGER, allowNull: false, defaultValue: 0 },
      epoch: { type: DataTypes.DOUBLE, allowNull: false },
      loss: DataTypes.DOUBLE,
      eval_loss: DataTypes.DOUBLE,
      learning_rate: DataTypes.DOUBLE,
      grad_norm: DataTypes.DOUBLE,
      tokens: DataTypes.BIGINT,
      tokens_per_s: DataTypes.DOUBLE,
      memory_bytes: DataTypes.BIGINT,
      device: DataTypes.JSONB,
      reward_margin: DataTypes.DOUBLE,
      reward_accuracy: DataTypes.DOUBLE,
      created_at: DataTypes.DATE,
    },
    { sequelize, tableName: 'run_metrics', updatedAt: false },
  );
}
