import {
  type CreationOptional,
  DataTypes,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  type Sequelize,
} from 'sequelize';
import type { CheckedFile } from '../../datasets/training-file.ts';

/** What a file may be uploaded for, by OpenAI's document. Files of fine-tune can be trained on; others are kept as they are. */
export const UPLOAD_PURPOSES = ['assistants', 'batch', 'fine-tune', 'vision', 'user_data', 'evals'] as const;

/** A file as OpenAI's clients upload it. */
export class OpenAiFile extends Model<InferAttributes<OpenAiFile>, InferCreationAttributes<OpenAiFile>> {
  /** In the order in which they came. */
  declare seq: CreationOptional<number>;
  declare id: string;
  declare purpose: string;
  declare filename: string;
  declare bytes: number;
  declare sha256: string;
  declare path: string;
  /** Null: it is not for training, or cannot be trained on. */
  declare dataset_id: CreationOptional<number | null>;
  /** Of a file for training. */
  declare checked: CreationOptional<CheckedFile | null>;
  declare created_at: CreationOptional<Date>;
  declare expires_at: CreationOptional<Date | null>;
}

export function initOpenAiFile(sequelize: Sequelize): void {
  OpenAiFile.init(
    {
      seq: { type: DataTypes.BIGINT, autoIncrement: true },
      id: { type: DataTypes.TEXT, primaryKey: true },
      purpose: { type: DataTypes.TEXT, allowNull: false },
      filename: { type: DataTypes.TEXT, allowNull: false },
      bytes: { type: DataTypes.BIGINT, allowNull: false },
      sha256: { type: DataTypes.CHAR(64), allowNull: false },
      path: { type: DataTypes.TEXT, allowNull: false },
      dataset_id: DataTypes.INTEGER,
      checked: DataTypes.JSONB,
      created_at: DataTypes.DATE,
      expires_at: DataTypes.DATE,
    },
    { sequelize, tableName: 'openai_files', updatedAt: false },
  );
}
