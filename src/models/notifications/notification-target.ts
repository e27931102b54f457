import {
  type CreationOptional,
  DataTypes,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  type Sequelize,
} from 'sequelize';
import type { NotificationEvent } from './events.ts';

export const TARGET_KINDS = ['webhook', 'email'] as const;
export type TargetKind = (typeof TARGET_KINDS)[number];

/** Somebody, or a program, who is told of what happens. */
export class NotificationTarget extends Model<
  InferAttributes<NotificationTarget>,
  InferCreationAttributes<NotificationTarget>
> {
  declare id: CreationOptional<number>;
  declare name: string;
  declare kind: TargetKind;
  /** The URL of a webhook, or where an e-mail goes. */
  declare address: string;
  /** Of a webhook: `whsec_…`, by which its messages are signed. No answer but the first has it. */
  declare secret: string | null;
  /** Null: all, also those that later versions know. */
  declare events: CreationOptional<NotificationEvent[] | null>;
  /** Of runs, those alone that the key of this name asked for; null: all. */
  declare runs_of: CreationOptional<string | null>;
  declare enabled: CreationOptional<boolean>;
  /** Why the service disabled it by itself. */
  declare disabled_because: CreationOptional<string | null>;
  declare created_by: string;
  declare created_at: CreationOptional<Date>;
  declare updated_at: CreationOptional<Date>;
}

export function initNotificationTarget(sequelize: Sequelize): void {
  NotificationTarget.init(
    {
      id: { type: DataTypes.INTEGER, autoIncrement: true, primaryKey: true },
      name: { type: DataTypes.TEXT, allowNull: false },
      kind: { type: DataTypes.TEXT, allowNull: false },
      address: { type: DataTypes.TEXT, allowNull: false },
      secret: DataTypes.TEXT,
      events: DataTypes.JSONB,
      runs_of: DataTypes.TEXT,
      enabled: { type: DataTypes.BOOLEAN, allowNull: false, defaultValue: true },
      disabled_because: DataTypes.TEXT,
      created_by: { type: DataTypes.TEXT, allowNull: false },
      created_at: DataTypes.DATE,
      updated_at: DataTypes.DATE,
    },
    { sequelize, tableName: 'notification_targets' },
  );
}
