import { DataTypes, type InferAttributes, type InferCreationAttributes, Model, type Sequelize } from 'sequelize';

/** A machine whose agent can start training workers. */
export class Host extends Model<InferAttributes<Host>, InferCreationAttributes<Host>> {
  declare name: string;
  declare agent_pid: number;
  declare heartbeat_at: Date;
  declare started_at: Date;
}

export function initHost(sequelize: Sequelize): void {
  Host.init(
    {
      name: { type: DataTypes.STRING(63), primaryKey: true },
      agent_pid: { type: DataTypes.INTEGER, allowNull: false },
      heartbeat_at: { type: DataTypes.DATE, allowNull: false },
      started_at: { type: DataTypes.DATE, allowNull: false },
    },
    { sequelize, tableName: 'hosts', timestamps: false },
  );
}
