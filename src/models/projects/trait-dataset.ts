import {
  type CreationOptional,
  DataTypes,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  type Sequelize,
} from 'sequelize';
import type { RowFilters } from '../../datasets/row-filters.ts';

/** A dataset's share of a trait. */
export class TraitDataset extends Model<InferAttributes<TraitDataset>, InferCreationAttributes<TraitDataset>> {
  declare id: CreationOptional<number>;
  declare trait_id: number;
  declare project_id: number;
  declare dataset_id: number;
  /** 100 % is 100,000: integers, so that "sums to exactly 100 %" can be decided. */
  declare percentage_thousandths: number;
  declare filters: CreationOptional<RowFilters>;
}

export function initTraitDataset(sequelize: Sequelize): void {
  TraitDataset.init(
    {
      id: { type: DataTypes.INTEGER, autoIncrement: true, primaryKey: true },
      trait_id: { type: DataTypes.INTEGER, allowNull: false },
      project_id: { type: DataTypes.INTEGER, allowNull: false },
      dataset_id: { type: DataTypes.INTEGER, allowNull: false },
      percentage_thousandths: { type: DataTypes.INTEGER, allowNull: false },
      filters: { type: DataTypes.JSONB, allowNull: false, defaultValue: {} },
    },
    { sequelize, tableName: 'trait_datasets', timestamps: false },
  );
}
