import {
  type CreationOptional,
  DataTypes,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  type Sequelize,
} from 'sequelize';

/**
 * A checkpoint that the holder of the run's lease reported. The manifests on disk are the truth; this is their index. The files are
 * removed by the trainer (trainer/runs/checkpoints.py) and, of a run that has ended, by src/runs/run-folder.ts.
 */
export class Checkpoint extends Model<InferAttributes<Checkpoint>, InferCreationAttributes<Checkpoint>> {
  declare id: CreationOptional<number>;
  declare run_id: number;
  declare lease_epoch: number;
  declare step: number;
  declare epoch: number;
  declare path: string;
  declare manifest_sha256: string;
  declare bytes: number;
  declare state: 'complete' | 'pruned' | 'quarantined';
  /** The rule by which a pruned one went after its run had ended; null: its trainer made room for newer ones. */
  declare removed_because: CreationOptional<string | null>;
  /** Neither its trainer nor a policy removes it. */
  declare pinned: CreationOptional<boolean>;
  /** Second names of its files, from when it was first pinned; null: it was never. */
  declare kept_path: CreationOptional<string | null>;
  /** Since when the store has it; null where there is none, or it does not have it yet. */
  declare stored_at: CreationOptional<Date | null>;
  declare created_at: CreationOptional<Date>;
}

export function initCheckpoint(sequelize: Sequelize): void {
  Checkpoint.init(
    {
      id: { type: DataTypes.INTEGER, autoIncrement: true, primaryKey: true },
      run_id: { type: DataTypes.INTEGER, allowNull: false },
      lease_epoch: { type: DataTypes.INTEGER, allowNull: false },
      step: { type: DataTypes.INTEGER, allowNull: false },
      epoch: { type: DataTypes.DOUBLE, allowNull: false },
      path: { type: DataTypes.TEXT, allowNull: false },
      manifest_sha256: { type: DataTypes.CHAR(64), allowNull: false },
      bytes: { type: DataTypes.BIGINT, allowNull: false },
      state: { type: DataTypes.STRING(16), allowNull: false },
      removed_because: DataTypes.TEXT,
      pinned: DataTypes.BOOLEAN,
      kept_path: DataTypes.TEXT,
      stored_at: DataTypes.DATE,
      created_at: DataTypes.DATE,
    },
    { sequelize, tableName: 'checkpoints', updatedAt: false },
  );
}
