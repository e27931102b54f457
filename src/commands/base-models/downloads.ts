import { cancelDownload, pauseDownload, resumeDownload } from '../../models/base-models/download-transitions.ts';
import { ModelDownload } from '../../models/base-models/model-download.ts';
import { notFound, UserError } from '../../platform/failure.ts';

/** @throws NotFoundError */
export async function findDownload(id: number): Promise<ModelDownload> {
  const download = await ModelDownload.findByPk(id);
  if (!download) throw notFound('Download', id);
  return download;
}

const ACTIONS = { pause: pauseDownload, resume: resumeDownload, cancel: cancelDownload };
export type DownloadAction = keyof typeof ACTIONS;

const PAST = { pause: 'paused', resume: 'resumed', cancel: 'cancelled' };

/** Its host sees it within a second or two. @throws NotFoundError; UserError where it is in no state for that */
export async function actOnDownload(id: number, action: DownloadAction): Promise<ModelDownload> {
  await findDownload(id);
  const changed = await ACTIONS[action](id);
  if (changed) return changed;
  const { status } = await findDownload(id);
  throw new UserError(`Download ${id} is ${status} and cannot be ${PAST[action]}.`);
}
