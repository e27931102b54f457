import {
  type CreationOptional,
  DataTypes,
  type InferAttributes,
  type InferCreationAttributes,
  literal,
  Model,
  type Sequelize,
} from 'sequelize';
import type { Machine } from '../../platform/machine.ts';
import { connection } from '../runs/run.ts';
import type { Drain } from './worker.ts';

/** An agent that has not reported for so long is away. It reports every two seconds. */
export const AWAY_MS = 15_000;

/** A machine whose agent can start training workers. */
export class Host extends Model<InferAttributes<Host>, InferCreationAttributes<Host>> {
  declare name: string;
  declare agent_pid: number;
  /** What its workers may train on: `['cpu']`, or its accelerators, each for one worker. */
  declare devices: CreationOptional<string[]>;
  /** Its memory and that of its GPUs; null of agents from before they told it. */
  declare memory: CreationOptional<Machine | null>;
  /** How it is being emptied, so that nothing begins there; null: it is not. */
  declare drain: CreationOptional<Drain | null>;
  declare drain_asked_at: CreationOptional<Date | null>;
  /** Its MTM_HOME is not the orchestrator's: what it needs of a run comes by way of the store. */
  declare is_apart: CreationOptional<boolean>;
  declare heartbeat_at: CreationOptional<Date>;
  declare started_at: Date;

  /** The hosts whose agents are there, the one that reported last first. The database's clock decides: theirs differ. */
  static async present(): Promise<Host[]> {
    return await Host.findAll({
      where: literal(`heartbeat_at > now() - interval '${AWAY_MS} milliseconds'`),
      order: [['heartbeat_at', 'DESC']],
    });
  }

  /** Says that this host's agent is there. */
  static async report(host: {
    name: string;
    agentPid: number;
    devices: string[];
    memory?: Machine;
    startedAt: Date;
    isApart?: boolean;
  }): Promise<void> {
    const { name, agentPid, devices, memory, startedAt, isApart = false } = host;
    const bind = [name, agentPid, JSON.stringify(devices), startedAt, memory ? JSON.stringify(memory) : null, isApart];
    await connection().query(
      `INSERT INTO hosts (name, agent_pid, devices, heartbeat_at, started_at, memory, is_apart) VALUES ($1, $2, $3, now(), $4, $5, $6)
       ON CONFLICT (name) DO UPDATE SET (agent_pid, devices, heartbeat_at, started_at, memory, is_apart) = ($2, $3, now(), $4, $5, $6)`,
      { bind },
    );
  }
}

export function initHost(sequelize: Sequelize): void {
  Host.init(
    {
      name: { type: DataTypes.STRING(63), primaryKey: true },
      agent_pid: { type: DataTypes.INTEGER, allowNull: false },
      devices: { type: DataTypes.JSONB, allowNull: false, defaultValue: ['cpu'] },
      memory: DataTypes.JSONB,
      drain: DataTypes.TEXT,
      drain_asked_at: DataTypes.DATE,
      is_apart: { type: DataTypes.BOOLEAN, allowNull: false, defaultValue: false },
      heartbeat_at: { type: DataTypes.DATE, allowNull: false },
      started_at: { type: DataTypes.DATE, allowNull: false },
    },
    { sequelize, tableName: 'hosts', timestamps: false },
  );
}
