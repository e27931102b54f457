import type { HubModel } from '../../base-models/found-model.ts';
import { findInCache, isRepository, isRevision } from '../../base-models/model-cache.ts';
import type { Env } from '../../platform/env.ts';
import { NotYetError, UserError } from '../../platform/failure.ts';
import { Host } from '../pool/host.ts';
import { addDownload, resumeDownload } from './download-transitions.ts';
import { ModelDownload, OPEN_DOWNLOADS } from './model-download.ts';

/** Into whose cache a model is to come: that of the host which somebody named (undefined: of the only one there is), or that of a run. */
export type WantedFor = { host: string | undefined } | 'a run';

/**
 * The download that would fetch a model; nothing is written.
 * @throws UserError for a name, a revision or a host that cannot be meant, NotYetError where no host is there
 */
export async function requireDownloadable(
  { name, revision }: HubModel,
  wantedFor: WantedFor,
  env: Env,
): Promise<Pick<ModelDownload, 'name' | 'revision' | 'host'>> {
  if (env.isHubOffline)
    throw new UserError(
      'HF_HUB_OFFLINE is set, so nothing is fetched from a hub. Unset it and start the service again, or put the model into the cache by hand.',
      { field: wantedFor === 'a run' ? 'download' : null },
    );
  if (!isRepository(name))
    throw new UserError(
      `name is ${JSON.stringify(name)}: it must be that of a model on the hub, such as meta-llama/Llama-3.2-3B-Instruct.`,
    );
  if (!isRevision(revision))
    throw new UserError(
      `revision is ${JSON.stringify(revision)}: it must be a branch, a tag or a commit, such as main.`,
    );
  const host = wantedFor === 'a run' ? await hostOfRun(name) : await hostOf(wantedFor.host);
  return { name, revision, host };
}

/**
 * Asks for a model, once: what is open, or was completed and is still there, stays as it is; what had failed goes on.
 * @throws as requireDownloadable
 */
export async function requestDownload(
  wanted: HubModel,
  wantedFor: WantedFor,
  env: Env,
): Promise<{ download: ModelDownload; isNew: boolean }> {
  const same = await requireDownloadable(wanted, wantedFor, env);
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

/** The host that is meant: its cache is that of one machine. */
async function hostOf(named: string | undefined): Promise<string> {
  const present = await presentHosts();
  if (named !== undefined) {
    if (present.includes(named) || (await Host.findByPk(named))) return named;
    const there = present.length > 0 ? `Take ${present.join(' or ')}` : 'None is there now';
    throw new UserError(`host is ${JSON.stringify(named)}, and there is no such host. ${there}.`);
  }
  return onlyOne(
    present,
    () =>
      new UserError(
        `There are several hosts, each with a cache of its own: say which one is to have the model, with "host": ${present.map((name) => JSON.stringify(name)).join(' or ')}.`,
      ),
  );
}

/** A run may come to any of them. */
async function hostOfRun(model: string): Promise<string> {
  const present = await presentHosts();
  return onlyOne(
    present,
    () =>
      new UserError(
        `There are several hosts, each with a cache of its own, and the run may come to any of them: it cannot fetch its model. Bring it to each of ${present.join(', ')} with \`mtm model add ${model} --host NAME\`, and ask for the run without "download".`,
        { field: 'download' },
      ),
  );
}

async function presentHosts(): Promise<string[]> {
  return (await Host.present()).map(({ name }) => name).sort();
}

/** @throws NotYetError where there is none; what `several` says where there are others */
function onlyOne([only, ...others]: string[], several: () => UserError): string {
  if (only === undefined)
    throw new NotYetError('No host is there that could fetch the model. Start its agent with `mtm host`.');
  if (others.length > 0) throw several();
  return only;
}

/** Of another machine's cache nothing is seen from here: there, what was completed counts as there. */
async function isStillThere({ name, commit, host }: ModelDownload, env: Env): Promise<boolean> {
  if (host !== env.hostName) return true;
  return (await findInCache(env.modelCache, `${name}@${commit}`)).available;
}
