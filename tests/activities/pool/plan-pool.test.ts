import assert from 'node:assert/strict';
import {
  planPoolBalance,
  planPoolRestart,
  planPoolStart,
  planPoolStop,
} from '../../../src/activities/pool/plan-pool.ts';
import { Host } from '../../../src/models/pool/host.ts';
import { newWorker, Worker } from '../../../src/models/pool/worker.ts';
import { Run } from '../../../src/models/runs/run.ts';
import { TrainingConfig } from '../../../src/models/settings/training-config.ts';
import type { HostShare } from '../../../src/workflows/contract.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { buildRun } from '../../support/runs.ts';

describe('the plan of the pool', function () {
  this.timeout(30_000);
  let database: TestDatabase;

  before(async () => {
    database = await startTestDatabase();
  });
  after(() => database?.remove());

  beforeEach(async () => {
    await Promise.all([Worker.destroy({ where: {} }), Host.destroy({ where: {} })]);
    await configure({ max_concurrent_workers: 8, auto_start_workers: true });
  });

  async function configure(changes: Partial<Pick<TrainingConfig, 'max_concurrent_workers' | 'auto_start_workers'>>) {
    await (await TrainingConfig.current()).update(changes);
  }

  const host = (name: string, devices: string[]) => Host.report({ name, agentPid: 1, devices, startedAt: new Date() });

  const worker = (id: string, on: string, more: Partial<Worker> = {}) =>
    Worker.create({ ...newWorker(id, on), status: 'idle', pid: 1, device: 'cpu', ...more });

  const counts = (shares: HostShare[]) =>
    Object.fromEntries(shares.map(({ host: name, workerIds }) => [name, workerIds.length]));

  it('fills free accelerators, of the host with most of them first, and then the CPU with fewest workers', async () => {
    // Take `accelerated[0] ??` out of `place` (src/activities/pool/plan-pool.ts) and the CPU gets some of the first.
    await host('cpu-a', ['cpu']);
    await host('cpu-b', ['cpu']);
    await host('gpu-1', ['cuda:0']);
    await host('gpu-3', ['cuda:0', 'cuda:1', 'cuda:2']);
    await worker('taken', 'gpu-3', { device: 'cuda:1' });
    await worker('busy-cpu', 'cpu-a');
    assert.deepEqual(counts(await planPoolStart({ count: 1 })), { 'gpu-3': 1 });
    assert.deepEqual(counts(await planPoolStart({ count: 3 })), { 'gpu-1': 1, 'gpu-3': 2 });
    assert.deepEqual(counts(await planPoolStart({ count: 6 })), { 'cpu-a': 1, 'cpu-b': 2, 'gpu-1': 1, 'gpu-3': 2 });
  });

  it('refuses more workers than there are free devices, or than the limit', async () => {
    // Let slotsOf (src/platform/devices.ts) give more than there are and nothing is refused.
    await host('gpu-1', ['cuda:0', 'cuda:1']);
    await worker('taken', 'gpu-1', { device: 'cuda:1' });
    await assert.rejects(planPoolStart({ count: 2 }), {
      type: 'PoolRefused',
      message: /worker_count 2 is too many: 1 of the devices of gpu-1 are free\. Ask for 1 or fewer/,
    });
    await assert.rejects(planPoolStart({ count: 8 }), /worker_count 8 is too many: 1 of at most 8 workers run already/);
  });

  it('counts nothing that is lost, and names none of it to a host', async () => {
    // Take `lost_at: null` out of `wanted` (src/activities/pool/plan-pool.ts).
    await host('here', ['cpu']);
    await worker('lost', 'gone', { status: 'error', lost_at: new Date() });
    await worker('there', 'here');
    await configure({ max_concurrent_workers: 2 });
    assert.deepEqual(counts(await planPoolStart({ count: 1 })), { here: 1 });
    assert.deepEqual(
      (await planPoolRestart()).map(({ workerId }) => workerId),
      ['there'],
    );
    assert.deepEqual(await planPoolStop(), [{ host: 'here', workerIds: ['there'] }]);
    // Nobody wants the lost one either: its host ends it when it is back. And asking again names what has not ended.
    assert.equal((await Worker.findByPk('lost'))?.desired, 'stopped');
    assert.deepEqual(await planPoolStop(), [{ host: 'here', workerIds: ['there'] }]);
  });

  it('starts workers for runs that wait, also for one whose worker is gone, but not where workers do not start', async () => {
    // Take the second line out of WAITS_FOR_WORKER, or the filter of hosts out of planPoolBalance (src/activities/pool/plan-pool.ts).
    await host('broken', ['cpu']);
    await host('sound', ['cpu']);
    const [queued, held, orphaned] = [await buildRun(database), await buildRun(database), await buildRun(database)];
    await Run.update({ status: 'queued' }, { where: { id: queued.id } });
    const lease = (id: number, forMs: number) =>
      Run.update({ status: 'running', lease_expires_at: new Date(Date.now() + forMs) }, { where: { id } });
    await lease(held.id, 60_000);
    await lease(orphaned.id, -1);
    for (const id of ['busy-1', 'busy-2']) await worker(id, 'sound', { status: 'busy' });
    await worker('waits', 'broken', { status: 'starting', pid: null, reason: 'It waits.', start_after: new Date() });
    assert.deepEqual(counts((await planPoolBalance()).start), { sound: 2 });
    await worker('free', 'sound');
    assert.deepEqual(counts((await planPoolBalance()).start), { sound: 1 });
    await configure({ auto_start_workers: false });
    assert.deepEqual(await planPoolBalance(), { stop: [], start: [] });
  });
});
