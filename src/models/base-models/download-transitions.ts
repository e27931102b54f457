import { Op, QueryTypes, UniqueConstraintError, type WhereOptions } from 'sequelize';
import { connection } from '../runs/run.ts';
import { type DownloadStatus, ModelDownload, OPEN_DOWNLOADS } from './model-download.ts';

/** How much of a download is there. */
export interface DownloadProgress {
  bytes_done: number;
  bytes_total: number;
  files_done: number;
  files_total: number;
}

/** The only writer of a status. @returns the row as it is then; null where it was in no state for it */
async function change(
  id: number,
  from: WhereOptions[],
  to: DownloadStatus,
  set: Partial<Pick<ModelDownload, 'pause_cause' | 'commit' | 'waiting_for' | 'error_message' | 'finished_at'>> & {
    workflow_started_at?: null;
    waiting_attempts?: number;
  } = {},
): Promise<ModelDownload | null> {
  const [, [row]] = await ModelDownload.update(
    { pause_cause: null, ...set, status: to },
    { where: { id, [Op.or]: from }, returning: true },
  );
  return row ?? null;
}

const FOR_THE_DISK = { status: 'paused', pause_cause: 'full_disk' } as const;
const UNDER_WAY = { status: ['pending', 'running'] };
const CALM = { waiting_for: null, waiting_attempts: 0 };

/** Its host works on it, from now on. */
export const beginDownload = (id: number) => change(id, [UNDER_WAY], 'running');

export const pauseDownload = (id: number) =>
  change(id, [UNDER_WAY, FOR_THE_DISK], 'paused', { pause_cause: 'asked', ...CALM });

/**
 * Of one that failed no other is open: who asks for the same again lets it go on, with what the revision is by then. What it has
 * of that is not fetched again.
 */
export async function resumeDownload(id: number): Promise<ModelDownload | null> {
  const going = { ...CALM, workflow_started_at: null };
  return (
    (await change(id, [{ status: 'paused' }], 'pending', going)) ??
    (await change(id, [{ status: 'failed' }], 'pending', {
      ...going,
      commit: null,
      error_message: null,
      finished_at: null,
    }))
  );
}

/** What it has fetched is removed by its host: for that it needs a workflow, which a paused or failed one has not. */
export const cancelDownload = (id: number) =>
  change(id, [{ status: [...OPEN_DOWNLOADS, 'failed'] }], 'cancelled', {
    ...CALM,
    finished_at: new Date(),
    workflow_started_at: null,
  });

export const pauseForRoom = (id: number, sentence: string) =>
  change(id, [{ status: 'running' }], 'paused', { pause_cause: 'full_disk', waiting_for: sentence });

/** The disk has room again. */
export const endPauseForRoom = (id: number) => change(id, [FOR_THE_DISK], 'pending', CALM);

export const completeDownload = (id: number) =>
  change(id, [{ status: 'running' }], 'completed', { ...CALM, finished_at: new Date() });

export const failDownload = (id: number, error_message: string) =>
  change(id, [{ status: 'running' }], 'failed', { ...CALM, error_message, finished_at: new Date() });

/** Writes how far a download is. False: it is not to go on, as its row says. */
export async function noteProgress(
  id: number,
  progress: Partial<DownloadProgress & Pick<ModelDownload, 'commit' | 'license'>>,
): Promise<boolean> {
  // With its status: of an update that has nothing but its own time to write, Sequelize makes none, and finds no row.
  const [written] = await ModelDownload.update(
    { ...progress, status: 'running' },
    { where: { id, status: 'running' } },
  );
  return written > 0;
}

/** Notes why a download is tried again. @returns how often it failed since it last got further */
export async function noteDownloadTrouble(id: number, sentence: string): Promise<number> {
  const [row] = await connection().query<{ attempts: number }>(
    `UPDATE model_downloads SET waiting_for = $sentence, updated_at = now(), waiting_bytes = bytes_done,
       waiting_attempts = CASE WHEN bytes_done > coalesce(waiting_bytes, 0) THEN 1 ELSE waiting_attempts + 1 END
     WHERE id = $id AND status = 'running' RETURNING waiting_attempts AS attempts`,
    { bind: { id, sentence }, type: QueryTypes.SELECT },
  );
  return row?.attempts ?? 1;
}

/** Bytes come again. */
export async function forgetDownloadTrouble(id: number): Promise<void> {
  await ModelDownload.update({ waiting_for: null }, { where: { id, status: 'running' } });
}

/** Downloads that their host has something to do for. */
export function needsItsHost() {
  return {
    [Op.or]: [UNDER_WAY, FOR_THE_DISK, { status: 'cancelled', cleaned_at: null }],
  };
}

/** Adds a download. Null: one of the same is open. */
export async function addDownload(wanted: {
  name: string;
  revision: string;
  host: string;
}): Promise<ModelDownload | null> {
  try {
    return await ModelDownload.create(wanted);
  } catch (error) {
    if (error instanceof UniqueConstraintError) return null;
    throw error;
  }
}
