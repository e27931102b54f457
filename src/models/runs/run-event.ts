import {
  type CreationOptional,
  DataTypes,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  type Sequelize,
} from 'sequelize';
import { askedBy } from '../../platform/asked-by.ts';

/** What happened to a run, in order; rows are only ever added. What a person asked for says by whom: `by` is the name of their key. */
export class RunEvent extends Model<InferAttributes<RunEvent>, InferCreationAttributes<RunEvent>> {
  declare seq: CreationOptional<number>;
  declare run_id: number;
  declare kind: string;
  declare data: Record<string, unknown>;
  declare created_at: CreationOptional<Date>;
}

export function initRunEvent(sequelize: Sequelize): void {
  RunEvent.init(
    {
      seq: { type: DataTypes.BIGINT, autoIncrement: true, primaryKey: true },
      run_id: { type: DataTypes.INTEGER, allowNull: false },
      kind: { type: DataTypes.STRING(32), allowNull: false },
      data: { type: DataTypes.JSONB, allowNull: false },
      created_at: DataTypes.DATE,
    },
    {
      sequelize,
      tableName: 'run_events',
      updatedAt: false,
      hooks: {
        beforeCreate: (event) => {
          const by = askedBy();
          if (by !== null) event.data = { ...event.data, by };
        },
      },
    },
  );
}
