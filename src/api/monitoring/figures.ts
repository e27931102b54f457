import { setTimeout as after } from 'node:timers/promises';
import type { Orchestration } from '../../commands/workflows/client.ts';
import { type BackupStanding, backupStanding } from '../../models/backups/backup-schedule.ts';
import type { Count } from '../../models/monitoring/counted-events.ts';
import { countNewEvents, eventCounts } from '../../models/monitoring/event-counts.ts';
import {
  type HostFigures,
  hostFigures,
  type PresentWorkers,
  presentWorkers,
} from '../../models/monitoring/pool-figures.ts';
import {
  type OpenRuns,
  openRuns,
  type QueueFigures,
  queueFigures,
  type RunInTrouble,
  type RunUnderWay,
  runsInTrouble,
  runsUnderWay,
} from '../../models/monitoring/run-figures.ts';
import { TrainingConfig } from '../../models/settings/training-config.ts';
import type { Logger } from '../../platform/logger.ts';
import { isDatabaseAway } from '../../platform/postgres/database-away.ts';

/** What the database tells of all processes, at one time. */
export interface DatabaseFigures {
  openRuns: OpenRuns[];
  underWay: RunUnderWay[];
  inTrouble: RunInTrouble[];
  queue: QueueFigures;
  counts: Count[];
  workers: PresentWorkers[];
  maxWorkers: number;
  hosts: HostFigures[];
  backups: BackupStanding | null;
}

export interface Figures {
  isTemporalUp: boolean;
  /** Null: the database is away, or too slow. */
  database: DatabaseFigures | null;
}

/** Several scrapers, or somebody who reloads, cost as much as one. */
const FRESH_MS = 2_000;
/** Prometheus waits for 10 s: it is to hear in time that the database is away. */
const LOOK_WITHIN_MS = 4_000;

/** Looks at all figures that are not this process's own. While it is looked nobody begins another look, and for a moment after. */
export function createFigures(
  orchestration: Orchestration,
  logger: Logger,
  freshMs = FRESH_MS,
): () => Promise<Figures> {
  let latest: { look: Promise<Figures>; untilMs: number } | undefined;
  const look = async (): Promise<Figures> => {
    const giveUp = new AbortController();
    const tooLate = after(LOOK_WITHIN_MS, null, { signal: giveUp.signal }).catch(() => null);
    const asked = databaseFigures(logger).catch((error: unknown) => {
      if (!isDatabaseAway(error)) logger.warn({ err: error }, 'The figures of the database could not be read.');
      return null;
    });
    const [database, isTemporalUp] = await Promise.all([Promise.race([asked, tooLate]), orchestration.isHealthy()]);
    giveUp.abort();
    return { database, isTemporalUp };
  };
  return async () => {
    if (latest && performance.now() < latest.untilMs) return await latest.look;
    const begun = { look: look(), untilMs: Number.POSITIVE_INFINITY };
    latest = begun;
    const figures = await begun.look;
    begun.untilMs = performance.now() + freshMs;
    return figures;
  };
}

/** One after another, so that a scrape takes one connection of the API's. @throws what the database says */
async function databaseFigures(logger: Logger): Promise<DatabaseFigures> {
  await countNewEvents().catch((error: unknown) => {
    // What is counted so far can be told all the same; what is not is counted at the next scrape.
    if (isDatabaseAway(error)) throw error;
    logger.warn({ err: error }, 'What happened to runs could not be counted.');
  });
  return {
    counts: await eventCounts(),
    openRuns: await openRuns(),
    underWay: await runsUnderWay(),
    inTrouble: await runsInTrouble(),
    queue: await queueFigures(),
    workers: await presentWorkers(),
    hosts: await hostFigures(),
    backups: await backupStanding(),
    maxWorkers: (await TrainingConfig.current()).max_concurrent_workers,
  };
}
