import pg from 'pg';
import type { Sequelize } from 'sequelize';
import { sequelizeFor } from '../platform/postgres/sequelize.ts';
import { initBackupSchedule } from './backups/backup-schedule.ts';
import { initModelDownload } from './base-models/model-download.ts';
import { initDataset } from './datasets/dataset.ts';
import { initRunMeasurement } from './estimates/run-measurement.ts';
import { initExport } from './exports/export.ts';
import { initJob, Job } from './jobs/job.ts';
import { initApiKey } from './keys/api-key.ts';
import { initNotificationDelivery } from './notifications/notification-delivery.ts';
import { initNotificationTarget } from './notifications/notification-target.ts';
import { initOpenAiFile } from './openai/openai-file.ts';
import { initOpenAiJob } from './openai/openai-job.ts';
import { initOpenAiUpload } from './openai/openai-upload.ts';
import { initHost } from './pool/host.ts';
import { initWorker } from './pool/worker.ts';
import { initProject, Project } from './projects/project.ts';
import { initProjectTrait, ProjectTrait } from './projects/project-trait.ts';
import { initTraitDataset, TraitDataset } from './projects/trait-dataset.ts';
import { Checkpoint, initCheckpoint } from './runs/checkpoint.ts';
import { initDeletedRun } from './runs/deleted-run.ts';
import { initRun, Run } from './runs/run.ts';
import { initRunEvent } from './runs/run-event.ts';
import { initRunMetric } from './runs/run-metric.ts';
import { initVote } from './runs/vote.ts';
import { initTrainingConfig } from './settings/training-config.ts';
import { initRemoval } from './storage/removal.ts';
import { initStorageFigure } from './storage/storage-figure.ts';
import { initSweep } from './sweeps/sweep.ts';
import { initTrackerDelivery } from './trackers/tracker-delivery.ts';
import { initPromotion, Promotion } from './versions/promotion.ts';

// bigint columns hold bytes, rows and tokens: all below 2^53, so numbers are exact and strings would only be a trap.
pg.types.setTypeParser(pg.types.builtins.INT8, Number);

/**
 * A transaction in which nothing happens holds its locks, and keeps every event stream of this PostgreSQL waiting (see
 * run-stream.ts). Ours do at most a look at a base model's files between two statements.
 */
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 60_000;

/** The server ends a statement that takes longer, and says so: it is there, and the statement is too much for it. */
const STATEMENT_TIMEOUT_MS = 30_000;
/** A server that says nothing for so much longer still is away. */
const ANSWER_TIMEOUT_MS = 5_000;

export interface DatabaseOptions {
  statementTimeoutMs?: number;
}

/**
 * Connects the models to a database whose schema is up to date (see migrate.ts). The models are classes of the
 * process, so there is one database per process. Connections are opened when first used.
 */
export function connectModels(
  databaseUrl: string,
  { statementTimeoutMs = STATEMENT_TIMEOUT_MS }: DatabaseOptions = {},
): Sequelize {
  const sequelize = sequelizeFor(databaseUrl, {
    pool: { max: 20, acquire: 4_000 },
    dialectOptions: {
      connectionTimeoutMillis: 3_000,
      statement_timeout: statementTimeoutMs,
      query_timeout: statementTimeoutMs + ANSWER_TIMEOUT_MS,
      idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
      keepAlive: true,
    },
    define: { createdAt: 'created_at', updatedAt: 'updated_at' },
  });
  for (const init of [
    initDataset,
    initJob,
    initProject,
    initProjectTrait,
    initTraitDataset,
    initTrainingConfig,
    initHost,
    initWorker,
    initRun,
    initRunEvent,
    initRunMetric,
    initCheckpoint,
    initDeletedRun,
    initOpenAiFile,
    initOpenAiJob,
    initOpenAiUpload,
    initVote,
    initModelDownload,
    initExport,
    initRunMeasurement,
    initSweep,
    initPromotion,
    initApiKey,
    initRemoval,
    initStorageFigure,
    initBackupSchedule,
    initNotificationTarget,
    initNotificationDelivery,
    initTrackerDelivery,
  ]) {
    init(sequelize);
  }
  Job.belongsTo(Run, { as: 'latestRun', foreignKey: 'latest_run_id', constraints: false });
  Project.belongsTo(Run, { as: 'latestRun', foreignKey: 'latest_run_id', constraints: false });
  Project.hasMany(ProjectTrait, { as: 'traits', foreignKey: 'project_id' });
  ProjectTrait.hasMany(TraitDataset, { as: 'datasets', foreignKey: 'trait_id' });
  Run.belongsTo(Job, { as: 'job', foreignKey: 'job_id', constraints: false });
  Run.belongsTo(Project, { as: 'project', foreignKey: 'project_id', constraints: false });
  Promotion.belongsTo(Run, { as: 'run', foreignKey: 'run_id' });
  Run.hasMany(Checkpoint, { as: 'checkpoints', foreignKey: 'run_id' });
  return sequelize;
}
