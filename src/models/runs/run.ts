import {
  type CreationOptional,
  DataTypes,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  type NonAttribute,
  type Sequelize,
} from 'sequelize';
import type { TokenCount } from '../../datasets/draft.ts';
import type { KeptPlan } from '../../datasets/mixture.ts';
import type { GateResult, KeptTrait } from '../../trainer/gate-result.ts';
import type { TrainResult, ValidationResult } from '../../trainer/results.ts';
import type { RunSpec } from './run-spec.ts';
import type { RunPhase, RunStatus } from './statuses.ts';

/** What training gave, and where the finished model waits to be validated and published. */
export type TrainingRecord = TrainResult & { staging_path: string };

/** The plan of a mixture, and its tokens, once the trainer has read them. */
export type RunPlan = KeptPlan & { tokens?: TokenCount | null };

/** One attempt at training, of a job or of a project. Its status is written by transition() alone. */
export class Run extends Model<InferAttributes<Run>, InferCreationAttributes<Run>> {
  declare id: CreationOptional<number>;
  declare job_id: number | null;
  declare project_id: number | null;
  /** 1 for the first run of its job or project, then counting. */
  declare number: number;
  /** The run whose mixture and checkpoints this one goes on from; null starts at step 0. */
  declare resumes_run_id: CreationOptional<number | null>;
  /** The run that it began from with other data or settings; null: with none, or one that was deleted. `spec.start` has what it took. */
  declare starts_from_run_id: CreationOptional<number | null>;
  declare spec: RunSpec;
  declare status: RunStatus;
  declare phase: RunPhase;
  /** Percent, 0 to 100. */
  declare progress: CreationOptional<number>;
  declare current_step: CreationOptional<number>;
  declare total_steps: CreationOptional<number | null>;
  declare current_epoch: CreationOptional<number>;
  declare current_loss: CreationOptional<number | null>;
  declare tokens_per_s: CreationOptional<number | null>;
  declare seconds_left: CreationOptional<number | null>;
  /** Counts the claims of this run; a write by the holder of an older claim is refused. */
  declare lease_epoch: CreationOptional<number>;
  /** How often its holder has prolonged the lease. */
  declare lease_renewals: CreationOptional<number>;
  declare lease_expires_at: CreationOptional<Date | null>;
  declare worker_id: CreationOptional<string | null>;
  /** The step after which it is held until its sweep has compared it with others; null: it trains to its end. */
  declare hold_step: CreationOptional<number | null>;
  /** Why it is to hold no worker until it is resumed; null: it goes on. Written by its workflow alone, see pause.ts. */
  declare pause_reason: CreationOptional<string | null>;
  /** Why what is tried again and again does not succeed, see run-trouble.ts; null while all is well. */
  declare waiting_for: CreationOptional<string | null>;
  declare waiting_since: CreationOptional<Date | null>;
  declare waiting_attempts: CreationOptional<number>;
  declare error_class: CreationOptional<string | null>;
  declare error_message: CreationOptional<string | null>;
  /** The mixture's plan, as the data engine gave it. */
  declare plan: CreationOptional<RunPlan | null>;
  declare result: CreationOptional<TrainingRecord | null>;
  declare validation: CreationOptional<ValidationResult | null>;
  /** Of a project: what became of its gate; null where there was none when it was validated. */
  declare gate: CreationOptional<GateResult | null>;
  /** Of a project: what it did on each held-out row, for versions that are held against it. */
  declare held_out: CreationOptional<KeptTrait[] | null>;
  /** Where its model is being published, noted before it is; see finish-run.ts. */
  declare publish_path: CreationOptional<string | null>;
  /** The published model; null until it is there. */
  declare output_path: CreationOptional<string | null>;
  declare workflow_id: string;
  /** The place in its trace of what asked for it, as W3C's `traceparent`; null: of no trace. */
  declare trace_parent: CreationOptional<string | null>;
  /** The key of the database that it counts for; see src/models/keys/limits.ts. */
  declare key_id: CreationOptional<number | null>;
  /** When the queue let it begin; null: it is a row, and nothing is done for it yet. See line.ts. */
  declare admitted_at: CreationOptional<Date | null>;
  /** When it got its turn for a worker; null again once a worker has it. */
  declare released_at: CreationOptional<Date | null>;
  /** 1 high, 2 normal, 3 low; see order.ts, also for the turn. */
  declare priority: CreationOptional<number>;
  declare turn: CreationOptional<number>;
  /** With what it shares its turns; null: it has its own. */
  declare turn_of: CreationOptional<string | null>;
  /** It does not begin before this time. */
  declare not_before: CreationOptional<Date | null>;
  /** It begins once the latest run of this job, or of this project, is completed. */
  declare after_job_id: CreationOptional<number | null>;
  declare after_project_id: CreationOptional<number | null>;
  /** It waits for one of these, and is not in the line; see bars.ts. */
  declare barred: CreationOptional<boolean>;
  /** When its turn was taken back that no worker had claimed; null again once it waits for the next one. */
  declare recalled_at: CreationOptional<Date | null>;
  /** When it was decided that its checkpoints go. */
  declare tidied_at: CreationOptional<Date | null>;
  /** When it was decided that its steps are thinned, or its events; see thin-steps.ts and thin-events.ts. */
  declare steps_thinned_at: CreationOptional<Date | null>;
  declare events_thinned_at: CreationOptional<Date | null>;
  /** Up to this step not all of them are there, also where those came from another run: so many are one bucket. */
  declare thinned_until_step: CreationOptional<number | null>;
  declare thinned_steps_per_bucket: CreationOptional<number | null>;
  /** Somebody said that nothing of it is to go, whatever its age. */
  declare pinned: CreationOptional<boolean>;
  declare workflow_started_at: CreationOptional<Date | null>;
  declare workflow_closed_at: CreationOptional<Date | null>;
  /** Not a column: see withPlaces. */
  declare queue_place?: NonAttribute<number | null>;
  declare waits_because?: NonAttribute<string | null>;
  declare created_at: CreationOptional<Date>;
  declare updated_at: CreationOptional<Date>;
  declare started_at: CreationOptional<Date | null>;
  declare finished_at: CreationOptional<Date | null>;
}

/** The database that the models are connected to. @throws Error before connectModels */
export function connection(): Sequelize {
  const { sequelize } = Run;
  if (!sequelize) throw new Error('The models are not connected to a database.');
  return sequelize;
}

export function initRun(sequelize: Sequelize): void {
  Run.init(
    {
      id: { type: DataTypes.INTEGER, autoIncrement: true, primaryKey: true },
      job_id: DataTypes.INTEGER,
      project_id: DataTypes.INTEGER,
      number: { type: DataTypes.INTEGER, allowNull: false },
      resumes_run_id: DataTypes.INTEGER,
      starts_from_run_id: DataTypes.INTEGER,
      spec: { type: DataTypes.JSONB, allowNull: false },
      status: { type: DataTypes.STRING(16), allowNull: false },
      phase: { type: DataTypes.STRING(32), allowNull: false },
      progress: { type: DataTypes.DOUBLE, allowNull: false, defaultValue: 0 },
      current_step: { type: DataTypes.INTEGER, allowNull: false, defaultValue: 0 },
      total_steps: DataTypes.INTEGER,
      current_epoch: { type: DataTypes.INTEGER, allowNull: false, defaultValue: 0 },
      current_loss: DataTypes.DOUBLE,
      tokens_per_s: DataTypes.DOUBLE,
      seconds_left: DataTypes.DOUBLE,
      lease_epoch: { type: DataTypes.INTEGER, allowNull: false, defaultValue: 0 },
      lease_renewals: { type: DataTypes.INTEGER, allowNull: false, defaultValue: 0 },
      lease_expires_at: DataTypes.DATE,
      worker_id: DataTypes.STRING(64),
      hold_step: DataTypes.INTEGER,
      pause_reason: DataTypes.TEXT,
      waiting_for: DataTypes.TEXT,
      waiting_since: DataTypes.DATE,
      waiting_attempts: { type: DataTypes.INTEGER, allowNull: false, defaultValue: 0 },
      error_class: DataTypes.STRING(64),
      error_message: DataTypes.TEXT,
      plan: DataTypes.JSONB,
      result: DataTypes.JSONB,
      validation: DataTypes.JSONB,
      gate: DataTypes.JSONB,
      held_out: DataTypes.JSONB,
      publish_path: DataTypes.TEXT,
      output_path: DataTypes.TEXT,
      workflow_id: { type: DataTypes.TEXT, allowNull: false },
      trace_parent: DataTypes.TEXT,
      key_id: DataTypes.INTEGER,
      admitted_at: DataTypes.DATE,
      released_at: DataTypes.DATE,
      priority: { type: DataTypes.SMALLINT, allowNull: false, defaultValue: 2 },
      turn: { type: DataTypes.INTEGER, allowNull: false, defaultValue: 0 },
      turn_of: DataTypes.TEXT,
      not_before: DataTypes.DATE,
      after_job_id: DataTypes.INTEGER,
      after_project_id: DataTypes.INTEGER,
      barred: { type: DataTypes.BOOLEAN, allowNull: false, defaultValue: false },
      recalled_at: DataTypes.DATE,
      tidied_at: DataTypes.DATE,
      steps_thinned_at: DataTypes.DATE,
      events_thinned_at: DataTypes.DATE,
      thinned_until_step: DataTypes.INTEGER,
      thinned_steps_per_bucket: DataTypes.INTEGER,
      pinned: { type: DataTypes.BOOLEAN, allowNull: false, defaultValue: false },
      workflow_started_at: DataTypes.DATE,
      workflow_closed_at: DataTypes.DATE,
      created_at: DataTypes.DATE,
      updated_at: DataTypes.DATE,
      started_at: DataTypes.DATE,
      finished_at: DataTypes.DATE,
    },
    { sequelize, tableName: 'runs' },
  );
}
