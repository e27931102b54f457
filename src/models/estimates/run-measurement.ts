import {
  type CreationOptional,
  type DataType,
  DataTypes,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  type Sequelize,
  type Transaction,
} from 'sequelize';
import type { Figures, Kind } from '../../estimates/correction.ts';
import type { DeviceKind } from '../../estimates/training.ts';

/** What a completed run was computed to take and was measured to, by which later ones are estimated. */
export class RunMeasurement extends Model<InferAttributes<RunMeasurement>, InferCreationAttributes<RunMeasurement>> {
  declare run_id: number;
  declare device_kind: DeviceKind;
  /** Of a CPU its model; of a GPU as torch calls it. */
  declare device_name: string;
  declare threads: number;
  /** Of the base model's very files. */
  declare model: string;
  declare model_type: string;
  declare parameters: number;
  declare training_type: string;
  declare weight_bytes: number;
  declare activation_checkpointing: boolean;
  declare batch_size: number;
  declare longest_tokens: number;
  declare trainable_parameters: number;
  declare steps: number;
  declare tokens: number;
  declare computed: Figures;
  declare measured: Figures;
  declare created_at: CreationOptional<Date>;

  /** Keeps what a run has shown, in the transaction that ends it; once, however often it is asked. */
  static async keep(found: NewMeasurement, transaction: Transaction): Promise<void> {
    await RunMeasurement.bulkCreate([found], { ignoreDuplicates: true, transaction });
  }

  /** The newest that may say something of this kind: correctionOf (src/estimates/correction.ts) chooses among them. */
  static async ofKindsLike({
    device_kind,
    model_type,
  }: Pick<Kind, 'device_kind' | 'model_type'>): Promise<RunMeasurement[]> {
    const where = { device_kind, model_type };
    return await RunMeasurement.findAll({ where, order: [['run_id', 'DESC']], limit: MOST_LOOKED_AT });
  }
}

export type NewMeasurement = Omit<InferAttributes<RunMeasurement>, 'created_at'>;

const MOST_LOOKED_AT = 500;

export function initRunMeasurement(sequelize: Sequelize): void {
  // Each an object of its own: Sequelize writes into them which column they are.
  const of = (type: DataType) => () => ({ type, allowNull: false });
  const integer = of(DataTypes.INTEGER);
  const large = of(DataTypes.BIGINT);
  const text = of(DataTypes.TEXT);
  const json = of(DataTypes.JSONB);
  RunMeasurement.init(
    {
      run_id: { type: DataTypes.INTEGER, primaryKey: true },
      device_kind: text(),
      device_name: text(),
      threads: integer(),
      model: text(),
      model_type: text(),
      parameters: large(),
      training_type: text(),
      weight_bytes: integer(),
      activation_checkpointing: { type: DataTypes.BOOLEAN, allowNull: false },
      batch_size: integer(),
      longest_tokens: integer(),
      trainable_parameters: large(),
      steps: integer(),
      tokens: large(),
      computed: json(),
      measured: json(),
      created_at: DataTypes.DATE,
    },
    { sequelize, tableName: 'run_measurements', updatedAt: false },
  );
}
