import {
  type CreationOptional,
  DataTypes,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  type Sequelize,
} from 'sequelize';
import type { Tracker } from './trackers.ts';

export const DELIVERY_STATUSES = ['open', 'delivered'] as const;

/** One run and one tracker, and how far that has it. Made with the run, by create-run.ts; gone with it. */
export class TrackerDelivery extends Model<InferAttributes<TrackerDelivery>, InferCreationAttributes<TrackerDelivery>> {
  declare id: CreationOptional<number>;
  declare run_id: number;
  declare tracker: Tracker;
  /** What the tracker knows the run by. */
  declare token: CreationOptional<string>;
  declare status: CreationOptional<(typeof DELIVERY_STATUSES)[number]>;
  /** The last step that the tracker said it has. */
  declare step: CreationOptional<number>;
  /** And the last event of a held-out loss. */
  declare eval_seq: CreationOptional<number>;
  declare external_id: CreationOptional<string | null>;
  declare address: CreationOptional<string | null>;
  /** Why nothing is delivered now; null while all is well. */
  declare waiting_for: CreationOptional<string | null>;
  declare waiting_attempts: CreationOptional<number>;
  declare next_try_at: CreationOptional<Date | null>;
  declare workflow_started_at: CreationOptional<Date | null>;
  declare created_at: CreationOptional<Date>;
  declare updated_at: CreationOptional<Date>;
  declare delivered_at: CreationOptional<Date | null>;
}

export function initTrackerDelivery(sequelize: Sequelize): void {
  TrackerDelivery.init(
    {
      id: { type: DataTypes.INTEGER, autoIncrement: true, primaryKey: true },
      run_id: { type: DataTypes.INTEGER, allowNull: false },
      tracker: { type: DataTypes.STRING(16), allowNull: false },
      token: DataTypes.UUID,
      status: DataTypes.STRING(16),
      step: DataTypes.INTEGER,
      eval_seq: DataTypes.BIGINT,
      external_id: DataTypes.TEXT,
      address: DataTypes.TEXT,
      waiting_for: DataTypes.TEXT,
      waiting_attempts: DataTypes.INTEGER,
      next_try_at: DataTypes.DATE,
      workflow_started_at: DataTypes.DATE,
      created_at: DataTypes.DATE,
      updated_at: DataTypes.DATE,
      delivered_at: DataTypes.DATE,
    },
    { sequelize, tableName: 'tracker_deliveries' },
  );
}
