import {
  type CreationOptional,
  DataTypes,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  type NonAttribute,
  type Sequelize,
} from 'sequelize';
import { EQUAL_WEIGHT } from '../../datasets/mixing-rule.ts';
import type { TraitDataset } from './trait-dataset.ts';
import type { TraitType } from './trait-types.ts';

/** One trait of a project: its datasets' percentages sum to exactly 100 %. */
export class ProjectTrait extends Model<InferAttributes<ProjectTrait>, InferCreationAttributes<ProjectTrait>> {
  declare id: CreationOptional<number>;
  declare project_id: number;
  declare trait_type: TraitType;
  /** Its part of max_rows is this part of all traits' weights; 1000 where none was given. */
  declare weight_thousandths: CreationOptional<number>;
  declare datasets?: NonAttribute<TraitDataset[]>;
}

export function initProjectTrait(sequelize: Sequelize): void {
  ProjectTrait.init(
    {
      id: { type: DataTypes.INTEGER, autoIncrement: true, primaryKey: true },
      project_id: { type: DataTypes.INTEGER, allowNull: false },
      weight_thousandths: { type: DataTypes.INTEGER, allowNull: false, defaultValue: EQUAL_WEIGHT },
      trait_type: { type: DataTypes.STRING(32), allowNull: false },
    },
    { sequelize, tableName: 'project_traits', timestamps: false },
  );
}
