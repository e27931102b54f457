import { ApplicationFailure } from '@temporalio/activity';
import { fn, literal, Op, QueryTypes } from 'sequelize';
import { isDrained } from '../../models/pool/drained.ts';
import { Host } from '../../models/pool/host.ts';
import type { PoolAction } from '../../models/pool/pool-progress.ts';
import { newWorkerId, Worker } from '../../models/pool/worker.ts';
import { connection, Run } from '../../models/runs/run.ts';
import { TrainingConfig } from '../../models/settings/training-config.ts';
import { slotsOf } from '../../platform/devices.ts';
import { FAILURE_TYPES, type HostShare, type PoolBalance, type Replacement } from '../../workflows/contract.ts';

/** More than there can be workers. */
const MOST_COUNTED = 64;
/**
 * Runs that a worker could train or validate, were there one: queued, held by a worker that is gone, or behind those in the
 * line. Of a long line the first are enough to know.
 */
const WAIT_FOR_WORKER = `SELECT count(*)::int AS n FROM (SELECT 1 FROM runs WHERE pause_reason IS NULL AND NOT barred AND validation IS NULL AND waiting_for IS NULL
  AND (status = 'queued' AND phase <> 'publishing' OR status = 'running' AND lease_expires_at < now() OR status = 'pending' AND admitted_at IS NULL)
  LIMIT ${MOST_COUNTED}) AS waiting`;

/** Says which hosts are to start how many new workers. Only reads. */
export async function planPoolStart({ count }: { count: number }): Promise<HostShare[]> {
  const [config, workers, present] = await Promise.all([TrainingConfig.current(), wanted(), Host.present()]);
  const hosts = present.filter(({ drain }) => drain === null);
  const free = config.max_concurrent_workers - workers.length;
  if (count > free) {
    throw refused(
      `worker_count ${count} is too many: ${workers.length} of at most ${config.max_concurrent_workers} workers run already. ` +
        `Ask for ${Math.max(free, 0)} or fewer, or raise max_concurrent_workers with PATCH /config/.`,
    );
  }
  if (present.length === 0) throw new Error('No host agent is running: start one with `mtm host`.');
  if (hosts.length === 0) {
    const [name = ''] = present.map(({ name }) => name);
    throw refused(
      `worker_count ${count}: nothing starts on ${present.map((host) => host.name).join(', ')} while it is being drained. ` +
        `End that with \`mtm worker undrain ${name}\`, or start another host with \`mtm host\`.`,
    );
  }
  const shares = place(count, hosts, [...workers, ...(await parked())]);
  const placed = shares.reduce((sum, { workerIds }) => sum + workerIds.length, 0);
  if (placed < count) {
    throw refused(
      `worker_count ${count} is too many: ${placed} of the devices of ${hosts.map(({ name }) => name).join(', ')} are free. ` +
        `Ask for ${placed} or fewer, or start another host with \`mtm host\`.`,
    );
  }
  return shares;
}

/**
 * Marks every worker as not wanted and says which ones each host that is there must end. Those of hosts that are away end
 * by themselves, or when their host is back. May run twice: what was marked and has not ended is named again.
 */
export async function planPoolStop(): Promise<HostShare[]> {
  const workers = await Worker.findAll({
    where: { [Op.or]: [{ desired: 'running' }, { pid: { [Op.ne]: null } }] },
    attributes: ['id', 'host'],
  });
  await Worker.update({ desired: 'stopped', ...asked('stop') }, { where: { desired: 'running' } });
  const hosts = await Host.present();
  return sharesOf(workers.filter(({ host }) => hosts.some(({ name }) => name === host)));
}

/**
 * Says which workers are to be replaced, in this order: those that wait first. Those of hosts that are away stay. May run
 * twice: it notes in their rows alone that it was asked for.
 */
export async function planPoolRestart(): Promise<Replacement[]> {
  const [workers, hosts] = await Promise.all([wanted(), Host.present()]);
  // Those that are being drained end by themselves, each when it is empty.
  const staying = workers.filter(({ drain }) => drain === null);
  const open = hosts.filter(({ drain }) => drain === null);
  const replaced = (await leastLossFirst(staying)).filter(({ host }) => open.some(({ name }) => name === host));
  await Worker.update(asked('restart'), { where: { id: replaced.map(({ id }) => id) } });
  return replaced.map(({ id, host }) => ({ host, workerId: id, replacementId: newWorkerId() }));
}

/**
 * Says what is to change so that the pool is as the configuration wants it: not more than max_concurrent_workers, and,
 * with auto_start_workers, a worker for each run that waits while there is room. Only reads.
 */
export async function planPoolBalance(): Promise<PoolBalance> {
  const [config, workers] = await Promise.all([TrainingConfig.current(), wanted()]);
  const room = config.max_concurrent_workers - workers.length;
  if (room < 0) return { stop: sharesOf((await leastLossFirst(workers)).slice(0, -room)), start: [] };
  if (room === 0 || !config.auto_start_workers) return { stop: [], start: [] };
  // One that waits for its next try, or for a device, is no help now; and its host is no place for another.
  const waiting = workers.filter(({ reason, pid }) => pid === null && reason !== null);
  const hosts = (await Host.present()).filter(({ drain }) => drain === null);
  const coming = workers.filter(
    (worker) =>
      worker.status !== 'busy' &&
      !waiting.includes(worker) &&
      worker.drain === null &&
      hosts.some(({ name }) => name === worker.host),
  );
  const [found] = await connection().query<{ n: number }>(WAIT_FOR_WORKER, { type: QueryTypes.SELECT });
  const missing = (found?.n ?? 0) - coming.length;
  if (missing <= 0) return { stop: [], start: [] };
  const open = hosts.filter(({ name }) => !waiting.some(({ host }) => host === name));
  return { stop: [], start: place(Math.min(missing, room), open, [...workers, ...(await parked())]) };
}

/** For the rows of workers that a command is about: how far it is is read from them (see pool-progress.ts). */
function asked(action: PoolAction) {
  return { asked: action, asked_at: fn('now') };
}

const IS_PARKED = `pid IS NULL AND ${isDrained('"Worker"')}`;

/**
 * Workers that are to run. Those of hosts that are away count for nothing until their host is back, and those that are drained,
 * and empty, until their drain ends: others may take their share.
 */
async function wanted(): Promise<Worker[]> {
  return await Worker.findAll({
    where: { desired: 'running', lost_at: null, [Op.and]: literal(`NOT (${IS_PARKED})`) },
  });
}

/** Workers that come back to their places when their drain ends. */
async function parked(): Promise<Worker[]> {
  return await Worker.findAll({ where: { desired: 'running', lost_at: null, [Op.and]: literal(IS_PARKED) } });
}

/**
 * Gives `count` new workers to hosts: to that with most free accelerators, then to the CPU with fewest workers.
 * @returns fewer when there is no free device for more
 */
function place(count: number, hosts: Host[], workers: Worker[]): HostShare[] {
  const shares = hosts.map(({ name, devices }) => {
    const running = workers.filter(({ host }) => host === name).length;
    return { host: name, free: slotsOf(devices) - running, running, workerIds: [] as string[] };
  });
  for (let i = 0; i < count; i++) {
    const open = shares.filter(({ free }) => free > 0);
    const accelerated = open.filter(({ free }) => Number.isFinite(free)).sort((a, b) => b.free - a.free);
    const best = accelerated[0] ?? open.sort((a, b) => a.running - b.running)[0];
    if (!best) break;
    best.workerIds.push(newWorkerId());
    best.free -= 1;
    best.running += 1;
  }
  return shares.filter(({ workerIds }) => workerIds.length > 0).map(({ host, workerIds }) => ({ host, workerIds }));
}

/** Those whose end costs least first: not yet started, idle, then busy ones by the time that their run was begun, newest first. */
async function leastLossFirst(workers: Worker[]): Promise<Worker[]> {
  const ids = workers.flatMap(({ current_run_id }) => current_run_id ?? []);
  const runs = await Run.findAll({ where: { id: ids }, attributes: ['id', 'started_at'] });
  const cost = ({ status, current_run_id }: Worker) => {
    if (status !== 'busy') return status === 'idle' ? 1 : 0;
    const begun = runs.find(({ id }) => id === current_run_id)?.started_at ?? new Date();
    return 2 + Math.max(0, Date.now() - begun.getTime());
  };
  return workers
    .map((worker) => ({ worker, cost: cost(worker) }))
    .sort((a, b) => a.cost - b.cost)
    .map(({ worker }) => worker);
}

function sharesOf(workers: Pick<Worker, 'id' | 'host'>[]): HostShare[] {
  const shares = new Map<string, string[]>();
  for (const { id, host } of workers) shares.set(host, [...(shares.get(host) ?? []), id]);
  return [...shares].map(([host, workerIds]) => ({ host, workerIds }));
}

function refused(message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, FAILURE_TYPES.poolRefused);
}
