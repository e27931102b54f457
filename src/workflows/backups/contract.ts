/** Of Temporal's Schedule. One service has a namespace, and so one of them. */
export const BACKUP_SCHEDULE_ID = 'backups';
/** The id of each workflow is this and its time. */
export const BACKUP_WORKFLOW_ID = 'backup';

/** The failure of one that began before the setting was taken away. */
export const BACKUPS_OFF = 'BackupsOff';

/** How a backup ended, as the Temporal Web UI shows it. */
export interface BackupEnd {
  folder: string;
  files: number;
  bytes: number;
  /** So many things; the log names each. */
  leftOut: number;
  removed: string[];
}

/** Of the queue `orchestration`. */
export interface BackupActivities {
  makeScheduledBackup(): Promise<BackupEnd>;
}
