import { findInCache, isRepository, isRevision } from '../../base-models/model-cache.ts';
import {
  addDownload,
  cancelDownload,
  pauseDownload,
  resumeDownload,
} from '../../models/base-models/download-transitions.ts';
import { ModelDownload, OPEN_DOWNLOADS } from '../../models/base-models/model-download.ts';
import { Host } from '../../models/pool/host.ts';
import type { Env } from '../../platform/env.ts';
import { NotYetError, notFound, UserError } from '../../platform/failure.ts';

export interface WantedModel {
  name: string;
  revision: string;
  host: string | undefined;
}

/**
 * Asks for a model, once: what is open, or was completed and is still there, stays as it is; what had failed goes on.
 * @throws UserError for a name, a revision or a host that cannot be meant, NotYetError where no host is there
 */
export async function requestDownload(
  { name, revision, host: named }: WantedModel,
  env: Env,
): Promise<{ download: ModelDownload; isNew: boolean }> {
  if (env.isHubOffline)
    throw new UserError(
      'HF_HUB_OFFLINE is set, so nothing is fetched from a hub. Unset it and start the service again, or put the model into the cache by hand.',
    );
  if (!isRepository(name))
    throw new UserError(
      `name is ${JSON.stringify(name)}: it must be that of a model on the hub, such as meta-llama/Llama-3.2-3B-Instruct.`,
    );
  if (!isRevision(revision))
    throw new UserError(
      `revision is ${JSON.stringify(revision)}: it must be a branch, a tag or a commit, such as main.`,
    );
  const same = { name, revision, host: await hostOf(named) };
  const latest = await ModelDownload.findOne({ where: same, order: [['id', 'DESC']] });
  if (latest && OPEN_DOWNLOADS.includes(latest.status)) return { download: latest, isNew: false };
  if (latest?.status === 'completed' && (await isStillThere(latest, env))) return { download: latest, isNew: false };
  if (latest?.status === 'failed') {
    const resumed = await resumeDownload(latest.id);
    if (resumed) return { download: resumed, isNew: false };
  }
  const added = await addDownload(same);
  if (added) return { download: added, isNew: true };
  // Another request was faster.
  const download = await ModelDownload.findOne({ where: same, order: [['id', 'DESC']], rejectOnEmpty: true });
  return { download, isNew: false };
}

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

/** The host that is meant: its cache is that of one machine. */
async function hostOf(named: string | undefined): Promise<string> {
  const present = (await Host.present()).map(({ name }) => name).sort();
  if (named !== undefined) {
    if (present.includes(named) || (await Host.findByPk(named))) return named;
    const there = present.length > 0 ? `Take ${present.join(' or ')}` : 'None is there now';
    throw new UserError(`host is ${JSON.stringify(named)}, and there is no such host. ${there}.`);
  }
  const [only, ...others] = present;
  if (only === undefined)
    throw new NotYetError(
      'No host is there that could fetch the model. Start its agent (`mtm host`), then send it again.',
    );
  if (others.length > 0)
    throw new UserError(
      `There are several hosts, each with a cache of its own: say which one is to have the model, with "host": ${present.map((name) => JSON.stringify(name)).join(' or ')}.`,
    );
  return only;
}

/** Of another machine's cache nothing is seen from here: there, what was completed counts as there. */
async function isStillThere({ name, commit, host }: ModelDownload, env: Env): Promise<boolean> {
  if (host !== env.hostName) return true;
  return (await findInCache(env.modelCache, `${name}@${commit}`)).available;
}
