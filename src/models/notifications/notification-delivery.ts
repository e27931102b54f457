import {
  type CreationOptional,
  DataTypes,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  type Sequelize,
} from 'sequelize';
import type { DeliveredEvent, News } from './events.ts';

export const DELIVERY_STATUSES = ['pending', 'delivered', 'given_up'] as const;
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number];

/** One thing to tell to one target. Its status is written by delivery-transitions.ts alone. */
export class NotificationDelivery extends Model<
  InferAttributes<NotificationDelivery>,
  InferCreationAttributes<NotificationDelivery>
> {
  declare id: CreationOptional<number>;
  declare target_id: number;
  /** The same at every attempt, so that a receiver can drop doubles. */
  declare message_id: CreationOptional<string>;
  declare event: DeliveredEvent;
  declare run_id: CreationOptional<number | null>;
  declare data: News;
  declare status: CreationOptional<DeliveryStatus>;
  declare attempts: CreationOptional<number>;
  /** What came of the last attempt, as a sentence. */
  declare last_answer: CreationOptional<string | null>;
  declare last_attempt_at: CreationOptional<Date | null>;
  /** It is not tried before; null: at once. */
  declare next_attempt_at: CreationOptional<Date | null>;
  /** An attempt that fails after this is the last one. */
  declare give_up_at: Date;
  declare workflow_started_at: CreationOptional<Date | null>;
  declare created_at: CreationOptional<Date>;
  declare updated_at: CreationOptional<Date>;
  declare finished_at: CreationOptional<Date | null>;
}

export function initNotificationDelivery(sequelize: Sequelize): void {
  NotificationDelivery.init(
    {
      id: { type: DataTypes.INTEGER, autoIncrement: true, primaryKey: true },
      target_id: { type: DataTypes.INTEGER, allowNull: false },
      message_id: DataTypes.TEXT,
      event: { type: DataTypes.TEXT, allowNull: false },
      run_id: DataTypes.INTEGER,
      data: { type: DataTypes.JSONB, allowNull: false },
      status: DataTypes.TEXT,
      attempts: DataTypes.INTEGER,
      last_answer: DataTypes.TEXT,
      last_attempt_at: DataTypes.DATE,
      next_attempt_at: DataTypes.DATE,
      give_up_at: { type: DataTypes.DATE, allowNull: false },
      workflow_started_at: DataTypes.DATE,
      created_at: DataTypes.DATE,
      updated_at: DataTypes.DATE,
      finished_at: DataTypes.DATE,
    },
    { sequelize, tableName: 'notification_deliveries' },
  );
}
