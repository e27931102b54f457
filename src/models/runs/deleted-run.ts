import {
  type CreationOptional,
  DataTypes,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  type Sequelize,
} from 'sequelize';
import type { PlacedRun } from '../../runs/run-paths.ts';
import type { RunSpec } from './run-spec.ts';

/** A run whose row is gone, of which files, events and figures are still to be removed. */
export class DeletedRun extends Model<InferAttributes<DeletedRun>, InferCreationAttributes<DeletedRun>> {
  declare id: number;
  declare workflow_id: string;
  /** What decides where its files lie. */
  declare spec: Pick<RunSpec, 'output_directory'>;
  declare deleted_at: CreationOptional<Date>;

  placed(): PlacedRun {
    return { id: this.id, workflow_id: this.workflow_id, spec: this.spec };
  }
}

export function initDeletedRun(sequelize: Sequelize): void {
  DeletedRun.init(
    {
      id: { type: DataTypes.INTEGER, primaryKey: true },
      workflow_id: { type: DataTypes.TEXT, allowNull: false },
      spec: { type: DataTypes.JSONB, allowNull: false },
      deleted_at: { type: DataTypes.DATE, defaultValue: DataTypes.NOW },
    },
    { sequelize, tableName: 'deleted_runs', timestamps: false },
  );
}
