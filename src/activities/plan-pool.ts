import { randomBytes } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/activity';
import { Host } from '../models/host.ts';
import { TrainingConfig } from '../models/training-config.ts';
import { Worker } from '../models/worker.ts';
import { FAILURE_TYPES, type HostShare } from '../workflows/contract.ts';

/** Says which hosts are to start how many new workers: the ones with fewest first. Only reads. */
export async function planPoolStart({ count }: { count: number }): Promise<HostShare[]> {
  const config = await TrainingConfig.current();
  const workers = await Worker.findAll({ where: { desired: 'running' }, attributes: ['host'] });
  const free = config.max_concurrent_workers - workers.length;
  if (count > free) {
    throw ApplicationFailure.nonRetryable(
      `worker_count ${count} is too many: ${workers.length} of at most ${config.max_concurrent_workers} workers run already. ` +
        `Ask for ${Math.max(free, 0)} or fewer, or raise max_concurrent_workers with PATCH /config/.`,
      FAILURE_TYPES.poolRefused,
    );
  }
  const hosts = await Host.present();
  if (hosts.length === 0) throw new Error('No host agent is running: start one with `mtm host`.');
  const shares = hosts.map(({ name }) => ({
    host: name,
    running: workers.filter((worker) => worker.host === name).length,
    workerIds: [] as string[],
  }));
  for (let i = 0; i < count; i++) {
    const [emptiest] = shares.sort((a, b) => a.running + a.workerIds.length - (b.running + b.workerIds.length));
    emptiest?.workerIds.push(`worker-${randomBytes(3).toString('hex')}`);
  }
  return shares.filter(({ workerIds }) => workerIds.length > 0).map(({ host, workerIds }) => ({ host, workerIds }));
}

/** Says which workers each host is to stop: all of them. Only reads. */
export async function planPoolStop(): Promise<HostShare[]> {
  const workers = await Worker.findAll({ where: { desired: 'running' }, attributes: ['id', 'host'] });
  const shares = new Map<string, string[]>();
  for (const { id, host } of workers) shares.set(host, [...(shares.get(host) ?? []), id]);
  return [...shares].map(([host, workerIds]) => ({ host, workerIds }));
}
