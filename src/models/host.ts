import { DataTypes, type InferAttributes, type InferCreationAttributes, Model, Op, type Sequelize } from 'sequelize';

/** An agent that has not reported for so long is away. It reports every two seconds. */
const AWAY_MS = 15_000;

/** A machine whose agent can start training workers. */
export class Host extends Model<InferAttributes<Host>, InferCreationAttributes<Host>> {
  declare name: string;
  declare agent_pid: number;
  declare heartbeat_at: Date;
  declare started_at: Date;

  /** The hosts whose agents are there, the one that reported last first. */
  static async present(): Promise<Host[]> {
    return await Host.findAll({
      where: { heartbeat_at: { [Op.gt]: new Date(Date.now() - AWAY_MS) } },
      order: [['heartbeat_at', 'DESC']],
    });
  }
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
