import assert from 'node:assert/strict';
import { planPoolBalance, planPoolStart } from '../../../src/activities/pool/plan-pool.ts';
import { drainedWorkers, drainHost, drainWorker, undrainHost, undrainWorker } from '../../../src/models/pool/drain.ts';
import { Host } from '../../../src/models/pool/host.ts';
import { newWorker, Worker } from '../../../src/models/pool/worker.ts';
import { claimLease, type Lease, releaseLease } from '../../../src/models/runs/lease.ts';
import { releaseNext, workerPlaces } from '../../../src/models/runs/line.ts';
import { enqueue } from '../../../src/models/runs/pause.ts';
import { Run } from '../../../src/models/runs/run.ts';
import { waitsOf } from '../../../src/models/runs/waits.ts';
import { TrainingConfig } from '../../../src/models/settings/training-config.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { buildRun } from '../../support/runs.ts';

const TTL_MS = 30_000;

describe('a drain', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  before(async () => {
    database = await startTestDatabase();
  });
  beforeEach(async () => {
    await Promise.all([
      Worker.destroy({ where: {} }),
      Host.destroy({ where: {} }),
      Run.update({ barred: true, worker_id: null }, { where: {} }),
    ]);
    for (const name of ['one', 'two'])
      await Host.report({ name, agentPid: 1, devices: ['cpu'], startedAt: new Date() });
    for (const [id, host] of [
      ['a', 'one'],
      ['b', 'two'],
    ] as const)
      await Worker.create({ ...newWorker(id, host), status: 'idle', pid: 1 });
  });
  after(() => database?.remove());

  const queuedRun = async (): Promise<Run> => {
    const run = await buildRun(database);
    await enqueue({ runId: run.id, from: ['pending'] });
    await Run.update({ admitted_at: new Date(), released_at: new Date() }, { where: { id: run.id } });
    return run;
  };
  const claim = (run: Run, workerId: string) => claimLease(run.id, workerId, TTL_MS, 'loading');
  const claimed = async (run: Run, workerId: string): Promise<Lease> => {
    const result = await claim(run, workerId);
    assert.equal(result.outcome, 'claimed');
    return (result as { lease: Lease }).lease;
  };
  const leaving = async (host: string) =>
    (await drainedWorkers({ host })).map(({ id, leaves }) => `${id} ${leaves ? 'leaves' : 'stays'}`);
  const because = async (run: Run) => (await waitsOf([await run.reload()])).get(run.id)?.because;

  it('lets no run begin on its host: one that has no worker yet goes to the line, one that had one to another', async () => {
    // Let drainForClaim return false, and both begin there.
    const [fresh, again] = [await queuedRun(), await queuedRun()];
    await releaseLease(await claimed(again, 'b'), 'worker_stopping');
    assert.equal(await drainHost('one', 'finish'), true);
    assert.equal((await claim(fresh, 'a')).outcome, 'not_its_turn');
    assert.equal((await fresh.reload()).released_at, null);
    assert.equal((await claim(again, 'a')).outcome, 'drained');
    await claimed(again, 'b');
    assert.equal(await undrainHost('one'), true);
    await claimed(fresh, 'a');
  });

  it('leaves a worker what it trains, and the validation of that, and nothing of others', async () => {
    // Let drainForClaim refuse what is its own too, or hasWork look at runs that train alone, and it ends between the two.
    const [own, other] = [await queuedRun(), await queuedRun()];
    const lease = await claimed(own, 'a');
    await drainHost('one', 'finish');
    assert.deepEqual(await leaving('one'), ['a stays']);
    await Run.update({ result: {} as never }, { where: { id: own.id } });
    await releaseLease(lease, 'trained');
    assert.deepEqual(await leaving('one'), ['a stays']);
    assert.equal((await claim(other, 'a')).outcome, 'not_its_turn');
    const validating = await claimed(own, 'a');
    await Run.update({ validation: {} as never }, { where: { id: own.id } });
    await releaseLease(validating, 'validated');
    assert.deepEqual(await leaving('one'), ['a leaves']);
  });

  it('that moves leaves a worker nothing', async () => {
    // Let drainedWorkers ask for hasWork alone, and it trains on.
    const run = await queuedRun();
    const lease = await claimed(run, 'a');
    await drainHost('one', 'finish');
    await drainHost('one', 'move');
    assert.deepEqual(await leaving('one'), ['a leaves']);
    await releaseLease(lease, 'drained');
    assert.equal((await claim(run, 'a')).outcome, 'drained');
  });

  it('of one worker leaves the others of its host alone', async () => {
    // Let isDrained look at hosts alone, and nothing is drained.
    await Worker.create({ ...newWorker('c', 'one'), status: 'idle', pid: 2 });
    assert.equal(await drainWorker('a', 'finish'), true);
    assert.equal(await drainWorker('nobody', 'finish'), false);
    assert.deepEqual(await leaving('one'), ['a leaves']);
    assert.equal(await workerPlaces(), 2);
    await claimed(await queuedRun(), 'c');
    assert.equal(await undrainWorker('a'), true);
    assert.equal(await undrainWorker('a'), false);
    assert.equal(await workerPlaces(), 3);
  });

  it('says why a run waits where nothing else could train it, and gives it no turn while a drained worker listens', async () => {
    // Take the CASE out of releaseNext (src/models/runs/line.ts), and it goes round between the line and that worker.
    const run = await queuedRun();
    await Run.update({ released_at: null }, { where: { id: run.id } });
    await drainHost('one', 'finish');
    assert.equal(await because(run), 'It is the next that a worker takes.');
    await drainWorker('b', 'move');
    assert.equal(
      await because(run),
      'It is the next that a worker takes. Host one and worker b are being drained, and there is no other worker.',
    );
    const look = () => releaseNext([{ runId: run.id, waitedMs: 0 }]);
    await look();
    assert.equal((await run.reload()).released_at, null);
    await Worker.update({ pid: null, status: 'stopped' }, { where: {} });
    await look();
    assert.notEqual((await run.reload()).released_at, null, 'ready for the first that comes');
  });

  it('frees the share of its host: other hosts may have it, and the drained one gets none', async () => {
    // Let `wanted` (src/activities/pool/plan-pool.ts) count the workers that are parked, and there is no room.
    await (await TrainingConfig.current()).update({ max_concurrent_workers: 2, auto_start_workers: false });
    await drainHost('one', 'finish');
    await assert.rejects(planPoolStart({ count: 1 }), /2 of at most 2 workers run already/, 'it has not ended yet');
    await Worker.update({ pid: null, status: 'stopped' }, { where: { id: 'a' } });
    assert.deepEqual(
      (await planPoolStart({ count: 1 })).map(({ host }) => host),
      ['two'],
    );
    await drainHost('two', 'finish');
    await assert.rejects(
      planPoolStart({ count: 1 }),
      /nothing starts on \w+, \w+ while it is being drained. End that with `mtm worker undrain/,
    );
    await undrainHost('one');
    await Worker.create({ ...newWorker('d', 'one'), status: 'idle', pid: 3 });
    await Worker.create({ ...newWorker('e', 'one'), status: 'idle', pid: 4 });
    const { stop } = await planPoolBalance();
    assert.equal(stop.flatMap(({ workerIds }) => workerIds).length, 2, 'what was more than there may be is ended');
  });
});
