import { DataTypes, type InferAttributes, type InferCreationAttributes, Model, type Sequelize } from 'sequelize';

export interface Amount {
  items: number;
  bytes: number;
}

/** One of the biggest things of a kind. */
export interface BigThing {
  name: string;
  run_id: number | null;
  bytes: number;
  since: string;
  /** Why it stays whatever its age. */
  pinned: string | null;
  /** When the policy of that time removes it; null: never, or not known since it was measured by an older version. */
  due_at?: string | null;
  dataset_id?: number;
}

/** What a kind took when it was measured last, and by when it is due. `pinned` is part of `held`, and never due. */
export interface Figures {
  held: Amount;
  pinned: Amount;
  /** What the policy of that time frees at once, and within a day, a week, a month. */
  due: { now: Amount; day: Amount; week: Amount; month: Amount };
  biggest: BigThing[];
}

/** Kept, since to measure it takes longer than an answer may. */
export class StorageFigure extends Model<InferAttributes<StorageFigure>, InferCreationAttributes<StorageFigure>> {
  /** A kind of retention, or what else lies on the disk. */
  declare kind: string;
  declare figures: Figures;
  declare measured_at: Date;
}

export function initStorageFigure(sequelize: Sequelize): void {
  StorageFigure.init(
    {
      kind: { type: DataTypes.TEXT, primaryKey: true },
      figures: { type: DataTypes.JSONB, allowNull: false },
      measured_at: { type: DataTypes.DATE, allowNull: false },
    },
    { sequelize, tableName: 'storage_figures', timestamps: false },
  );
}
