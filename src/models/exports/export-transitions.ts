import { QueryTypes, UniqueConstraintError } from 'sequelize';
import type { ExportResult, Verification } from '../../trainer/model-export.ts';
import { connection } from '../runs/run.ts';
import { EXPORTS, Export, type ExportStatus, OPEN_EXPORTS, type WantedExport } from './export.ts';

const CALM = { waiting_for: null, waiting_attempts: 0 };

/** The only writer of a status. False: it is in no state for it, or gone. */
async function change(id: number, from: ExportStatus[], to: ExportStatus, set: Partial<Export> = {}): Promise<boolean> {
  const [written] = await Export.update({ ...set, status: to }, { where: { id, status: from } });
  return written > 0;
}

/** A host works on it, from now on. */
export const beginExport = (id: number) => change(id, OPEN_EXPORTS, 'running');

export const completeExport = (id: number, { files, verification, warnings, pushed }: ExportResult) =>
  change(id, ['running'], 'completed', {
    ...CALM,
    files,
    verification,
    warnings,
    pushed,
    stage: null,
    progress: null,
    finished_at: new Date(),
  });

export const failExport = (id: number, error_message: string, verification: Verification | null = null) =>
  change(id, OPEN_EXPORTS, 'failed', {
    ...CALM,
    error_message,
    verification,
    stage: null,
    progress: null,
    finished_at: new Date(),
  });

/** Writes how far it is. False: it is deleted, or not to go on. */
export async function noteStage(id: number, told: Pick<Export, 'stage' | 'progress'>): Promise<boolean> {
  return await change(id, ['running'], 'running', told);
}

/** Notes why it is tried again. @returns how often it was in vain */
export async function noteExportTrouble(id: number, sentence: string): Promise<number> {
  const [row] = await connection().query<{ attempts: number }>(
    `UPDATE exports SET waiting_for = $sentence, waiting_attempts = waiting_attempts + 1, updated_at = now()
     WHERE id = $id AND status IN ('pending', 'running') RETURNING waiting_attempts AS attempts`,
    { bind: { id, sentence }, type: QueryTypes.SELECT },
  );
  return row?.attempts ?? 1;
}

/**
 * Asks for an export, once: one that is there or on its way stays as it is; one that had failed is tried again, from behind the
 * last stage that it finished. What lies with others is looked at again: they may have changed it since.
 */
export async function requestExport(wanted: WantedExport): Promise<{ made: Export; isNew: boolean }> {
  try {
    return { made: await Export.create(wanted), isNew: true };
  } catch (error) {
    if (!(error instanceof UniqueConstraintError)) throw error;
  }
  const same = await Export.findOne({ where: wanted });
  // It was deleted in between.
  if (same === null) return await requestExport(wanted);
  const nothing = { files: null, verification: null, pushed: null, warnings: [] };
  const again = { ...CALM, ...nothing, error_message: null, finished_at: null, workflow_started_at: null };
  const ended: ExportStatus[] = EXPORTS[wanted.format].isOfNetwork ? ['failed', 'completed'] : ['failed'];
  if (await change(same.id, ended, 'pending', again)) await same.reload();
  return { made: same, isNew: false };
}

/** Of any that is to be made, the oldest first. */
export async function openExports(most: number): Promise<Export[]> {
  return await Export.findAll({ where: { status: OPEN_EXPORTS }, order: [['id', 'ASC']], limit: most });
}
