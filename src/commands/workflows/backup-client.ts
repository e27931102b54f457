import {
  type Client,
  ScheduleNotFoundError,
  type ScheduleOptions,
  type ScheduleUpdateOptions,
} from '@temporalio/client';
import { BACKUP_SCHEDULE_ID, BACKUP_WORKFLOW_ID } from '../../workflows/backups/contract.ts';
import { ORCHESTRATION_QUEUE } from '../../workflows/contract.ts';
import type { Calls } from './training-client.ts';

/** What the service asks of Temporal about backups of itself. */
export interface Backups {
  /**
   * Has Temporal's Schedule of backups be as the settings say; null: there is none. One that a person paused stays paused.
   * @returns what was done to it; null: nothing was to do
   */
  setBackupSchedule(plan: { everyHours: number } | null): Promise<'created' | 'updated' | 'removed' | null>;
  /** Has a backup be begun now, unless one is under way. */
  backUpNow(): Promise<void>;
}

const CALL_TIMEOUT_MS = 10_000;
const HOUR_MS = 3_600_000;

/** Names no folder: each backup looks into the settings. */
function scheduleOf(everyHours: number) {
  return {
    spec: { intervals: [{ every: everyHours * HOUR_MS }] },
    action: {
      type: 'startWorkflow',
      workflowType: 'backupWorkflow',
      workflowId: BACKUP_WORKFLOW_ID,
      taskQueue: ORCHESTRATION_QUEUE,
      args: [],
      staticSummary: 'Back up the service',
      staticDetails: 'Where it goes, and how many are left: MTM_BACKUP_DIR and MTM_BACKUP_KEEP of the orchestrator.',
    },
    // After a time without Temporal the last that was missed is made at once, however many were.
    policies: { overlap: 'SKIP', catchupWindow: everyHours * HOUR_MS },
  } satisfies Omit<ScheduleOptions, 'scheduleId'>;
}

export function backupsOf({ within }: Pick<Calls, 'within'>): Backups {
  return {
    setBackupSchedule: (plan) =>
      within(CALL_TIMEOUT_MS, (client) => (plan ? set(client, plan.everyHours) : remove(client))),
    backUpNow: () => within(CALL_TIMEOUT_MS, (client) => client.schedule.getHandle(BACKUP_SCHEDULE_ID).trigger('SKIP')),
  };
}

async function set(client: Client, everyHours: number): Promise<'created' | 'updated' | null> {
  const handle = client.schedule.getHandle(BACKUP_SCHEDULE_ID);
  const wanted = scheduleOf(everyHours);
  try {
    const { spec, policies, action } = await handle.describe();
    const isSame =
      spec.intervals?.length === 1 &&
      spec.intervals[0]?.every === everyHours * HOUR_MS &&
      !spec.calendars?.length &&
      policies.overlap === wanted.policies.overlap &&
      policies.catchupWindow === wanted.policies.catchupWindow &&
      action.workflowType === wanted.action.workflowType &&
      action.taskQueue === wanted.action.taskQueue;
    if (isSame) return null;
    await handle.update(({ state }) => ({ ...wanted, state }) as ScheduleUpdateOptions);
    return 'updated';
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
  }
  await client.schedule.create({ ...wanted, scheduleId: BACKUP_SCHEDULE_ID });
  return 'created';
}

async function remove(client: Client): Promise<'removed' | null> {
  try {
    await client.schedule.getHandle(BACKUP_SCHEDULE_ID).delete();
    return 'removed';
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return null;
    throw error;
  }
}
