import {
  type CreationOptional,
  DataTypes,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  type Sequelize,
} from 'sequelize';
import type { ExportStage, Pushed, Verification } from '../../trainer/model-export.ts';
import { trainsAdapters } from '../../trainer/training-types.ts';
import type { RunSpec } from '../runs/run-spec.ts';

export const EXPORT_FORMATS = ['gguf', 'gguf_adapter', 'merged_4bit', 'hub'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];
/** As trainer/exports/formats.py has them, which says what each is. */
export const QUANTIZATIONS = ['f16', 'q8_0', 'q6_k', 'q5_k_m', 'q4_k_m'] as const;
export const EXPORT_STATUSES = ['pending', 'running', 'completed', 'failed'] as const;
export type ExportStatus = (typeof EXPORT_STATUSES)[number];

/** Of exports that are made, or will be. */
export const OPEN_EXPORTS: ExportStatus[] = ['pending', 'running'];

export interface ExportedFile {
  path: string;
  bytes: number;
  sha256: string;
}

/** What an export is asked for with, beside its format. */
export type ExportChoices = Pick<Export, 'quantization' | 'repository' | 'revision' | 'private'>;
export type WantedExport = Pick<Export, 'run_id' | 'format'> & ExportChoices;

/**
 * What each format may be asked for with, and what is taken where that is left out; null for what must be said.
 * `needsPackages`: those of trainer/requirements-exports.txt. `isOfNetwork`: it takes no memory for a model, and may wait long for others.
 */
export const EXPORTS: Record<
  ExportFormat,
  { choices: Partial<ExportChoices>; needsPackages: boolean; isOfNetwork: boolean }
> = {
  gguf: { choices: { quantization: 'q8_0' }, needsPackages: true, isOfNetwork: false },
  gguf_adapter: { choices: {}, needsPackages: true, isOfNetwork: false },
  merged_4bit: { choices: {}, needsPackages: false, isOfNetwork: false },
  hub: { choices: { repository: null, revision: 'main', private: true }, needsPackages: false, isOfNetwork: true },
};

/** As what the model of such a run may be exported; nothing, of an index. Whether a converter knows its architecture is not looked at. */
export function exportFormatsOf({
  training_type,
  hyperparameters,
}: Pick<RunSpec, 'training_type' | 'hyperparameters'>): ExportFormat[] {
  if (training_type === 'rag') return [];
  const hasAdapter = trainsAdapters(training_type, hyperparameters);
  return EXPORT_FORMATS.filter((format) => format !== 'gguf_adapter' || hasAdapter);
}

/** What an export was asked for with. */
export function choicesOf(wanted: Pick<Export, 'format'> & ExportChoices): Partial<ExportChoices> {
  const names = Object.keys(EXPORTS[wanted.format].choices) as (keyof ExportChoices)[];
  return Object.fromEntries(names.map((name) => [name, wanted[name]]));
}

/** A trained model in another format, or elsewhere. Its status is written by export-transitions.ts alone; one that is deleted has no row any more. */
export class Export extends Model<InferAttributes<Export>, InferCreationAttributes<Export>> {
  declare id: CreationOptional<number>;
  declare run_id: number;
  declare format: ExportFormat;
  declare quantization: CreationOptional<(typeof QUANTIZATIONS)[number] | null>;
  declare repository: CreationOptional<string | null>;
  declare revision: CreationOptional<string | null>;
  declare private: CreationOptional<boolean | null>;
  declare status: CreationOptional<ExportStatus>;
  declare stage: CreationOptional<ExportStage | null>;
  /** Of the stage, from 0 to 1. */
  declare progress: CreationOptional<number | null>;
  /** Why what is tried again and again does not succeed; null while all is well. */
  declare waiting_for: CreationOptional<string | null>;
  declare waiting_attempts: CreationOptional<number>;
  declare error_message: CreationOptional<string | null>;
  declare files: CreationOptional<ExportedFile[] | null>;
  declare verification: CreationOptional<Verification | null>;
  declare warnings: CreationOptional<string[]>;
  declare pushed: CreationOptional<Pushed | null>;
  /** No policy removes it. */
  declare pinned: CreationOptional<boolean>;
  declare workflow_started_at: CreationOptional<Date | null>;
  declare created_at: CreationOptional<Date>;
  declare updated_at: CreationOptional<Date>;
  declare finished_at: CreationOptional<Date | null>;
}

export function initExport(sequelize: Sequelize): void {
  Export.init(
    {
      id: { type: DataTypes.INTEGER, autoIncrement: true, primaryKey: true },
      run_id: { type: DataTypes.INTEGER, allowNull: false },
      format: { type: DataTypes.STRING(16), allowNull: false },
      quantization: DataTypes.STRING(16),
      repository: DataTypes.TEXT,
      revision: DataTypes.TEXT,
      private: DataTypes.BOOLEAN,
      status: DataTypes.STRING(16),
      stage: DataTypes.STRING(16),
      progress: DataTypes.DOUBLE,
      waiting_for: DataTypes.TEXT,
      waiting_attempts: DataTypes.INTEGER,
      error_message: DataTypes.TEXT,
      files: DataTypes.JSONB,
      verification: DataTypes.JSONB,
      warnings: DataTypes.JSONB,
      pushed: DataTypes.JSONB,
      pinned: DataTypes.BOOLEAN,
      workflow_started_at: DataTypes.DATE,
      created_at: DataTypes.DATE,
      updated_at: DataTypes.DATE,
      finished_at: DataTypes.DATE,
    },
    { sequelize, tableName: 'exports' },
  );
}
