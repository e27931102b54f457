import * as initial from './migrations/0001-initial.ts';
import * as runStreams from './migrations/0002-run-streams.ts';
import * as pauseAndOutages from './migrations/0003-pause-and-outages.ts';
import * as pool from './migrations/0004-pool.ts';
import * as claimsOfSteps from './migrations/0005-claims-of-steps.ts';
import * as dataEngine from './migrations/0006-data-engine.ts';
import * as figuresOfSteps from './migrations/0007-figures-of-steps.ts';
import * as deviceGroups from './migrations/0008-device-groups.ts';
import * as edges from './migrations/0009-edges.ts';
import * as poolCommands from './migrations/0010-pool-commands.ts';
import * as honestRows from './migrations/0011-honest-rows.ts';
import * as embeddingModels from './migrations/0012-embedding-models.ts';
import * as lora from './migrations/0013-lora.ts';
import * as openAi from './migrations/0014-openai.ts';
import * as openAiUploads from './migrations/0015-openai-uploads.ts';
import * as validationDataset from './migrations/0016-validation-dataset.ts';
import * as votes from './migrations/0017-votes.ts';
import * as deletedModels from './migrations/0018-deleted-models.ts';
import * as estimates from './migrations/0019-estimates.ts';
import * as modelDownloads from './migrations/0020-model-downloads.ts';
import * as preferences from './migrations/0021-preferences.ts';
import * as exported from './migrations/0022-exports.ts';
import * as sweeps from './migrations/0023-sweeps.ts';
import * as gate from './migrations/0024-gate.ts';
import * as descent from './migrations/0025-descent.ts';
import * as openAiMethods from './migrations/0026-openai-methods.ts';
import * as pushedExports from './migrations/0027-pushed-exports.ts';
import * as sweepsOfProjects from './migrations/0028-sweeps-of-projects.ts';
import * as apiKeys from './migrations/0029-api-keys.ts';
import * as audit from './migrations/0030-audit.ts';
import * as queue from './migrations/0031-queue.ts';
import * as retention from './migrations/0032-retention.ts';
import * as eventCounts from './migrations/0034-event-counts.ts';
import * as notifications from './migrations/0035-notifications.ts';
import * as drain from './migrations/0036-drain.ts';
import * as listsOfAYear from './migrations/0037-lists-of-a-year.ts';
import * as trackers from './migrations/0039-trackers.ts';
import * as schemaVersions from './migrations/0040-schema-versions.ts';
import * as runTraces from './migrations/0042-run-traces.ts';
import * as keyLimits from './migrations/0043-key-limits.ts';
import * as queueOfProjects from './migrations/0044-queue-of-projects.ts';
import * as thinnedRuns from './migrations/0045-thinned-runs.ts';
import * as removedOriginals from './migrations/0046-removed-originals.ts';
import * as pins from './migrations/0047-pins.ts';
import * as searchesOfAYear from './migrations/0050-searches-of-a-year.ts';
import * as storedCheckpoints from './migrations/0052-stored-checkpoints.ts';
import * as backupSchedule from './migrations/0053-backup-schedule.ts';

/** All migrations, oldest first. A migration that was released is never edited: add the next one. */
export const MIGRATIONS = [
  initial,
  runStreams,
  pauseAndOutages,
  pool,
  claimsOfSteps,
  dataEngine,
  figuresOfSteps,
  deviceGroups,
  edges,
  poolCommands,
  honestRows,
  embeddingModels,
  lora,
  openAi,
  openAiUploads,
  validationDataset,
  votes,
  deletedModels,
  estimates,
  modelDownloads,
  preferences,
  exported,
  sweeps,
  gate,
  descent,
  openAiMethods,
  pushedExports,
  sweepsOfProjects,
  apiKeys,
  audit,
  queue,
  retention,
  eventCounts,
  notifications,
  drain,
  listsOfAYear,
  trackers,
  schemaVersions,
  runTraces,
  keyLimits,
  queueOfProjects,
  thinnedRuns,
  removedOriginals,
  pins,
  searchesOfAYear,
  storedCheckpoints,
  backupSchedule,
];
export const MIGRATION_NAMES: readonly string[] = MIGRATIONS.map(({ name }) => name);
