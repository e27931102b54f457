import {
  type CreationOptional,
  DataTypes,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  type Sequelize,
} from 'sequelize';
import type { Role } from './roles.ts';

/** A key of a person or a program. Rows stay when a key is revoked. */
export class ApiKey extends Model<InferAttributes<ApiKey>, InferCreationAttributes<ApiKey>> {
  declare id: CreationOptional<number>;
  /** Of one key among those that were not revoked. */
  declare name: string;
  declare role: Role;
  /** How the key begins: identifies it in lists, and is no secret. */
  declare public_part: string;
  /** See hashOf in src/platform/key-text.ts. */
  declare sha256: string;
  declare created_at: CreationOptional<Date>;
  /** The name of who made it. */
  declare created_by: string;
  declare expires_at: CreationOptional<Date | null>;
  declare revoked_at: CreationOptional<Date | null>;
  /** Exact to a minute. */
  declare last_used_at: CreationOptional<Date | null>;
  /** Of runs that wait or are under way; null: any number. */
  declare max_open_runs: CreationOptional<number | null>;
}

export function initApiKey(sequelize: Sequelize): void {
  ApiKey.init(
    {
      id: { type: DataTypes.INTEGER, autoIncrement: true, primaryKey: true },
      name: { type: DataTypes.TEXT, allowNull: false },
      role: { type: DataTypes.TEXT, allowNull: false },
      public_part: { type: DataTypes.TEXT, allowNull: false },
      sha256: { type: DataTypes.TEXT, allowNull: false },
      created_at: DataTypes.DATE,
      created_by: { type: DataTypes.TEXT, allowNull: false },
      expires_at: DataTypes.DATE,
      revoked_at: DataTypes.DATE,
      last_used_at: DataTypes.DATE,
      max_open_runs: DataTypes.INTEGER,
    },
    { sequelize, tableName: 'api_keys', updatedAt: false },
  );
}
