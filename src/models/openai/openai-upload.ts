import {
  type CreationOptional,
  DataTypes,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  Op,
  QueryTypes,
  type Sequelize,
} from 'sequelize';
import { connection } from '../runs/run.ts';

/** A file that a client of OpenAI sends in parts. Which of them, and in which order, it says when it completes it. */
export class OpenAiUpload extends Model<InferAttributes<OpenAiUpload>, InferCreationAttributes<OpenAiUpload>> {
  declare id: string;
  /** One whose time has come is `pending` until it is tidied up. */
  declare status: CreationOptional<'pending' | 'completed' | 'cancelled' | 'expired'>;
  /** Of the whole file, as it was announced. */
  declare bytes: number;
  declare filename: string;
  declare purpose: string;
  declare expires_after_s: number | null;
  declare file_id: CreationOptional<string | null>;
  declare fingerprint: CreationOptional<string | null>;
  declare created_at: CreationOptional<Date>;
  declare expires_at: Date;
  declare completing_until: CreationOptional<Date | null>;
}

/** A piece of a file that lies on the disk as a whole. */
export class OpenAiUploadPart extends Model<
  InferAttributes<OpenAiUploadPart>,
  InferCreationAttributes<OpenAiUploadPart>
> {
  declare id: string;
  declare upload_id: string;
  declare bytes: number;
  declare path: string;
  declare created_at: CreationOptional<Date>;
}

/** Condition for uploads whose parts may be put together: what was begun in time goes on for as long as it takes. */
export function isOpen() {
  const now = new Date();
  return {
    status: 'pending' as const,
    [Op.or]: [{ expires_at: { [Op.gt]: now } }, { completing_until: { [Op.gt]: now } }],
  };
}

/** Condition for those whose time has come. */
export function isOver() {
  const now = new Date();
  const nobodyIsAtIt = { [Op.or]: [null, { [Op.lte]: now }] };
  return { status: 'pending' as const, expires_at: { [Op.lte]: now }, completing_until: nobodyIsAtIt };
}

/**
 * Adds a part to an upload that takes parts: as one statement, which waits for whoever ends the upload, and then sees that it is over.
 * @returns null where it takes none
 */
export async function insertPart({
  id,
  uploadId,
  bytes,
  path,
}: {
  id: string;
  uploadId: string;
  bytes: number;
  path: string;
}): Promise<OpenAiUploadPart | null> {
  const [part] = await connection().query(
    `INSERT INTO openai_upload_parts (id, upload_id, bytes, path)
     SELECT $id::text, id, $bytes::bigint, $path::text FROM openai_uploads
     WHERE id = $uploadId::text AND status = 'pending' AND expires_at > $now::timestamptz FOR SHARE
     RETURNING *`,
    {
      bind: { id, uploadId, bytes, path, now: new Date() },
      type: QueryTypes.SELECT,
      model: OpenAiUploadPart,
      mapToModel: true,
    },
  );
  return part ?? null;
}

export function initOpenAiUpload(sequelize: Sequelize): void {
  OpenAiUpload.init(
    {
      id: { type: DataTypes.TEXT, primaryKey: true },
      status: DataTypes.TEXT,
      bytes: { type: DataTypes.BIGINT, allowNull: false },
      filename: { type: DataTypes.TEXT, allowNull: false },
      purpose: { type: DataTypes.TEXT, allowNull: false },
      expires_after_s: DataTypes.INTEGER,
      file_id: DataTypes.TEXT,
      fingerprint: DataTypes.CHAR(64),
      created_at: DataTypes.DATE,
      expires_at: { type: DataTypes.DATE, allowNull: false },
      completing_until: DataTypes.DATE,
    },
    { sequelize, tableName: 'openai_uploads', updatedAt: false },
  );
  OpenAiUploadPart.init(
    {
      id: { type: DataTypes.TEXT, primaryKey: true },
      upload_id: { type: DataTypes.TEXT, allowNull: false },
      bytes: { type: DataTypes.BIGINT, allowNull: false },
      path: { type: DataTypes.TEXT, allowNull: false },
      created_at: DataTypes.DATE,
    },
    { sequelize, tableName: 'openai_upload_parts', updatedAt: false },
  );
}
