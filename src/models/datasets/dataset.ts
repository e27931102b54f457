import {
  type CreationOptional,
  DataTypes,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  type Sequelize,
} from 'sequelize';
import type { Profile } from '../../datasets/profile.ts';
import type { Mapping } from '../../datasets/rows/mapping.ts';
import type { UnusableRows, UnusedPart } from '../../datasets/told-of-rows.ts';

/** An uploaded file and its canonical Parquet. */
export class Dataset extends Model<InferAttributes<Dataset>, InferCreationAttributes<Dataset>> {
  declare id: CreationOptional<number>;
  declare name: string;
  declare description: string | null;
  /** The name under which the user uploaded it. */
  declare filename: string;
  declare file_path: string;
  declare parquet_path: string;
  declare file_type: string;
  /** Bytes of the uploaded file. */
  declare file_size: number;
  declare row_count: number;
  /** Rows that give a conversation; the others are never chosen for training. */
  declare usable_row_count: number;
  /** Why the others give none: each reason with its count and the number of its first row. */
  declare unusable: CreationOptional<UnusableRows[]>;
  /** What of them training makes no use of, and is not known to mean nothing. */
  declare unused: CreationOptional<UnusedPart[]>;
  /** Other mappings that fit most rows. */
  declare alternatives: CreationOptional<Mapping[]>;
  /** What was done to the file so that it could be read, as sentences. */
  declare notes: CreationOptional<string[]>;
  /** Made when it is first asked for; null again when the mapping changes. */
  declare profile: CreationOptional<Profile | null>;
  declare column_count: number;
  declare columns: string[];
  /** How a row becomes a conversation; null when no format was recognised. */
  declare mapping: Mapping | null;
  /** Of the canonical Parquet. Its rows always are the same; how they lie in its row groups is not. */
  declare sha256: string;
  /** Of the file as it was uploaded: what mixtures depend on. Null for datasets from before this was kept. */
  declare source_sha256: CreationOptional<string | null>;
  /** By which policy the file as it was uploaded went; null: it is there. */
  declare original_removed_because: CreationOptional<string | null>;
  /** Why a policy leaves it. */
  declare original_kept_because: CreationOptional<string | null>;
  declare created_at: CreationOptional<Date>;
  declare updated_at: CreationOptional<Date>;
}

export function initDataset(sequelize: Sequelize): void {
  Dataset.init(
    {
      id: { type: DataTypes.INTEGER, autoIncrement: true, primaryKey: true },
      name: { type: DataTypes.STRING(255), allowNull: false },
      description: DataTypes.TEXT,
      filename: { type: DataTypes.TEXT, allowNull: false },
      file_path: { type: DataTypes.TEXT, allowNull: false },
      parquet_path: { type: DataTypes.TEXT, allowNull: false },
      file_type: { type: DataTypes.STRING(16), allowNull: false },
      file_size: { type: DataTypes.BIGINT, allowNull: false },
      row_count: { type: DataTypes.BIGINT, allowNull: false },
      usable_row_count: { type: DataTypes.BIGINT, allowNull: false },
      unusable: { type: DataTypes.JSONB, allowNull: false, defaultValue: [] },
      unused: { type: DataTypes.JSONB, allowNull: false, defaultValue: [] },
      alternatives: { type: DataTypes.JSONB, allowNull: false, defaultValue: [] },
      notes: { type: DataTypes.JSONB, allowNull: false, defaultValue: [] },
      column_count: { type: DataTypes.INTEGER, allowNull: false },
      columns: { type: DataTypes.JSONB, allowNull: false },
      mapping: DataTypes.JSONB,
      sha256: { type: DataTypes.CHAR(64), allowNull: false },
      source_sha256: DataTypes.CHAR(64),
      original_removed_because: DataTypes.TEXT,
      original_kept_because: DataTypes.TEXT,
      profile: DataTypes.JSONB,
      created_at: DataTypes.DATE,
      updated_at: DataTypes.DATE,
    },
    { sequelize, tableName: 'datasets' },
  );
}
