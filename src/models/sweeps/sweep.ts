import {
  type CreationOptional,
  DataTypes,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  type Sequelize,
} from 'sequelize';
import { askedBy } from '../../platform/asked-by.ts';
import type { Search, SweepSettings } from './search.ts';

export const SWEEP_STATUSES = ['running', 'paused', 'completed', 'failed', 'cancelled'] as const;
export type SweepStatus = (typeof SWEEP_STATUSES)[number];
/** Of sweeps that go on, or will. */
export const OPEN_SWEEPS: SweepStatus[] = ['running', 'paused'];

/** Successive halving: at each of these steps the worse half of the runs is stopped. */
export interface EarlyStop {
  method: 'halving';
  rungs: number[];
}

/** What the runs of a sweep are of. */
export type SweepKind = 'job' | 'project';

/** A sweep as it was asked for: with the job or the project that all of its runs have in common. */
export interface SweepSpec {
  job?: Record<string, unknown>;
  project?: Record<string, unknown>;
  search: Search;
  early_stop: EarlyStop | null;
  max_concurrent_runs: number;
}

export function kindOf({ spec }: Pick<Sweep, 'spec'>): SweepKind {
  return spec.project === undefined ? 'job' : 'project';
}

/** What was decided at a step. Jobs, or projects, by their ids, the best first. */
export interface RungDecision {
  step: number;
  /** Null: it could not be measured. */
  losses: { owner_id: number; loss: number | null }[];
  kept: number[];
  stopped: number[];
}

/** Which run is the best on the held-out rows of one trait. */
export interface TraitWinner {
  trait: string;
  /** Of the winner over all traits. */
  held_out_loss: number;
  best: { owner_id: number; held_out_loss: number };
  /** Others that the held-out rows of the trait do not tell from the best one. */
  not_told_apart: number[];
}

export interface Winner {
  /** Of its job, or of its project. */
  owner_id: number;
  settings: SweepSettings;
  /** Of its published model. */
  held_out_loss: number;
  /** Others that held-out rows do not tell from it. */
  not_told_apart: number[];
  /** Not there in sweeps that ended before it was. */
  traits?: TraitWinner[];
  /** Why it is the winner, with its figures. */
  sentence: string;
}

/** Runs of one job or project with other settings each. Its status is written by transition.ts alone. */
export class Sweep extends Model<InferAttributes<Sweep>, InferCreationAttributes<Sweep>> {
  declare id: CreationOptional<number>;
  declare name: string;
  declare description: string | null;
  declare status: CreationOptional<SweepStatus>;
  declare spec: SweepSpec;
  /** How many combinations of the search were there already. */
  declare duplicates_dropped: number;
  declare rungs: CreationOptional<RungDecision[]>;
  declare winner: CreationOptional<Winner | null>;
  declare error_message: CreationOptional<string | null>;
  declare workflow_started_at: CreationOptional<Date | null>;
  /** The name of the key that asked for it; null: of a service without keys, or from before. */
  declare created_by: CreationOptional<string | null>;
  declare created_at: CreationOptional<Date>;
  declare updated_at: CreationOptional<Date>;
  declare finished_at: CreationOptional<Date | null>;
}

export function initSweep(sequelize: Sequelize): void {
  Sweep.init(
    {
      id: { type: DataTypes.INTEGER, autoIncrement: true, primaryKey: true },
      name: { type: DataTypes.STRING(255), allowNull: false },
      description: DataTypes.TEXT,
      status: DataTypes.STRING(16),
      spec: { type: DataTypes.JSONB, allowNull: false },
      duplicates_dropped: { type: DataTypes.INTEGER, allowNull: false },
      rungs: DataTypes.JSONB,
      winner: DataTypes.JSONB,
      error_message: DataTypes.TEXT,
      workflow_started_at: DataTypes.DATE,
      created_by: { type: DataTypes.TEXT, defaultValue: () => askedBy() },
      created_at: DataTypes.DATE,
      updated_at: DataTypes.DATE,
      finished_at: DataTypes.DATE,
    },
    { sequelize, tableName: 'sweeps' },
  );
}
