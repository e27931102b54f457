import { ApplicationFailure, Context } from '@temporalio/activity';
import { noteBackup, noteFailedBackup } from '../../models/backups/backup-schedule.ts';
import type { Env } from '../../platform/env.ts';
import { failureOf } from '../../platform/failure-of.ts';
import type { Logger } from '../../platform/logger.ts';
import { BACKUPS_OFF, type BackupActivities, type BackupEnd } from '../../workflows/backups/contract.ts';

export interface ScheduledBackup {
  folder: string;
  made_at: string;
  files: number;
  bytes: number;
  left_out: string[];
  removed: string[];
}

/** Makes one, verifies it, and removes older ones; null where somebody else is making one in that folder. */
export type BackUp = (
  directory: string,
  signal: AbortSignal,
  onProgress: (sentence: string) => void,
) => Promise<ScheduledBackup | null>;

const WHILE_ANOTHER_MS = 30_000;

/**
 * Makes a backup of the service. May run twice: what was cut off is begun again. The settings of now say where it goes, and not the schedule: so
 * none goes where another service was told to put its own.
 */
export function createMakeScheduledBackup(env: Env, backUp: BackUp, logger: Logger): BackupActivities {
  return {
    async makeScheduledBackup(): Promise<BackupEnd> {
      const { cancellationSignal, heartbeat, info } = Context.current();
      const directory = env.backupDir;
      if (directory === undefined)
        throw ApplicationFailure.nonRetryable('No backups are to be made: MTM_BACKUP_DIR is not set.', BACKUPS_OFF);
      let made: ScheduledBackup | null;
      try {
        made = await backUp(directory, cancellationSignal, (sentence) => heartbeat(sentence));
      } catch (error) {
        // The service is stopped: this is begun again when it is back.
        if (cancellationSignal.aborted && !Context.current().cancellationDetails?.cancelRequested) throw error;
        const sentence = cancellationSignal.aborted ? 'It was cancelled in Temporal.' : failureOf(error).sentence;
        logger.error({ err: error, directory, attempt: info.attempt }, `The scheduled backup failed: ${sentence}`);
        await noteFailedBackup(sentence);
        if (cancellationSignal.aborted) throw error;
        throw ApplicationFailure.create({ message: sentence, type: 'BackupFailed' });
      }
      if (made === null)
        throw ApplicationFailure.create({
          message: `Another backup is being made in ${directory}. This one is made when that has ended.`,
          type: 'Waiting',
          nextRetryDelay: WHILE_ANOTHER_MS,
        });
      await noteBackup(new Date(made.made_at));
      const { folder, files, bytes, left_out, removed } = made;
      logger.info({ folder, files, bytes, removed, leftOut: left_out }, 'Made a scheduled backup, and verified it.');
      return { folder, files, bytes, leftOut: left_out.length, removed };
    },
  };
}
