import {
  type CreationOptional,
  DataTypes,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  type NonAttribute,
  type Sequelize,
} from 'sequelize';
import type { Run } from '../runs/run.ts';

/**
 * What made a run the latest version of its project. completed: there was no gate. passed: it held. promoted, rolled_back: somebody
 * did so by hand.
 */
export const PROMOTION_WAYS = ['completed', 'passed', 'promoted', 'rolled_back'] as const;
export type PromotionWay = (typeof PROMOTION_WAYS)[number];

/** A run became the latest version of its project. The newest row of a project says which one is; rows are only ever added. */
export class Promotion extends Model<InferAttributes<Promotion>, InferCreationAttributes<Promotion>> {
  declare id: CreationOptional<number>;
  declare project_id: number;
  declare run_id: number;
  declare how: PromotionWay;
  /** Somebody's, of one by hand. */
  declare reason: string | null;
  /** The promotion that a roll back of this one repeats; null: there is none. */
  declare returns_to_id: number | null;
  declare created_at: CreationOptional<Date>;
  /** When the link `latest` was set to it; null: it is to be set. */
  declare linked_at: CreationOptional<Date | null>;
  /** Present when asked for. */
  declare run?: NonAttribute<Run>;
}

export function initPromotion(sequelize: Sequelize): void {
  Promotion.init(
    {
      id: { type: DataTypes.INTEGER, autoIncrement: true, primaryKey: true },
      project_id: { type: DataTypes.INTEGER, allowNull: false },
      run_id: { type: DataTypes.INTEGER, allowNull: false },
      how: { type: DataTypes.TEXT, allowNull: false },
      reason: DataTypes.TEXT,
      returns_to_id: DataTypes.INTEGER,
      created_at: DataTypes.DATE,
      linked_at: DataTypes.DATE,
    },
    { sequelize, tableName: 'promotions', updatedAt: false },
  );
}
