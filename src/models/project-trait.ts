import {
  type CreationOptional,
  DataTypes,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  type NonAttribute,
  type Sequelize,
} from 'sequelize';
import type { TraitType } from './statuses.ts';
import type { TraitDataset } from './trait-dataset.ts';

/** One trait of a project: its datasets' percentages sum to exactly 100 %. */
export class ProjectTrait extends Model<InferAttributes<ProjectTrait>, InferCreationAttributes<ProjectTrait>> {
  declare id: CreationOptional<number>;
  declare project_id: number;
  declare trait_type: TraitType;
  declare datasets?: NonAttribute<TraitDataset[]>;
}

export function initProjectTrait(sequelize: Sequelize): void {
  ProjectTrait.init(
    {
      id: { type: DataTypes.INTEGER, autoIncrement: true, primaryKey: true },
      project_id: { type: DataTypes.INTEGER, allowNull: false },
      trait_type: { type: DataTypes.STRING(32), allowNull: false },
    },
    { sequelize, tableName: 'project_traits', timestamps: false },
  );
}
