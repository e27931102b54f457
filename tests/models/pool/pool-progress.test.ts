import assert from 'node:assert/strict';
import { fn, literal } from 'sequelize';
import { type PoolProgress, poolProgress } from '../../../src/models/pool/pool-progress.ts';
import { newWorker, Worker } from '../../../src/models/pool/worker.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { settledPool, shownWorkers } from '../../support/hosts.ts';
import { startTestService, type TestService } from '../../support/service.ts';

type Changes = Partial<Record<keyof Worker, unknown>>;

/** How far a command is, from the rows of workers alone. */
describe('what the pool is at', function () {
  this.timeout(30_000);
  let database: TestDatabase;

  before(async () => {
    database = await startTestDatabase();
  });

  after(() => database?.remove());

  beforeEach(() => Worker.destroy({ where: {} }));

  const ago = (seconds: number) => literal(`now() - interval '${seconds} seconds'`);

  /** A worker that is up, as it was started long ago. */
  async function worker(id: string, changes: Changes = {}, replaces: string | null = null): Promise<void> {
    await Worker.create(newWorker(id, 'host', replaces));
    await change([id], { status: 'idle', pid: 1, asked_at: ago(3_600), started_at: ago(3_600), ...changes });
  }

  async function change(ids: string[], changes: Changes): Promise<void> {
    await Worker.update(changes as never, { where: { id: ids } });
  }

  const expect = async (expected: [PoolProgress['action'], number, number] | null) => {
    const progress = await poolProgress();
    assert.deepEqual(progress && [progress.action, progress.done, progress.total], expected);
  };

  it('is nothing while all workers are as they are wanted', async () => {
    await expect(null);
    await worker('up');
    await worker('ended', { desired: 'stopped', asked: 'stop', status: 'stopped', pid: null });
    await worker('dead', { desired: 'stopped', status: 'error', pid: null });
    await worker('in its place', { status: 'starting', pid: null }, 'dead');
    await expect(null);
  });

  it('is a start until each of those that were asked for together is up', async () => {
    await worker('of before');
    await Worker.bulkCreate(['a', 'b', 'c'].map((id) => newWorker(id, 'host')));
    await expect(['start', 0, 3]);
    await change(['a'], { status: 'idle', pid: 2 });
    await expect(['start', 1, 3]);
    await change(['b'], { status: 'error', desired: 'stopped' });
    await expect(['start', 1, 2]);
    await change(['c'], { status: 'busy', pid: 3 });
    await expect(null);
  });

  it('is a stop until each has ended that is not away', async () => {
    for (const id of ['a', 'b', 'away']) await worker(id);
    await change(['away'], { lost_at: fn('now') });
    await change(['a', 'b', 'away'], { desired: 'stopped', asked: 'stop', asked_at: fn('now') });
    await expect(['stop', 0, 2]);
    await change(['a'], { pid: null, status: 'stopped' });
    await expect(['stop', 1, 2]);
    await change(['b'], { pid: null, status: 'stopped' });
    await expect(null);
  });

  it('is a restart until each has its successor, also between two of them', async () => {
    // Take the first line after HAVING out of src/models/pool/pool-progress.ts and a slow worker is not seen; take the second
    // out, and it looks done before it is.
    for (const id of ['a', 'b']) await worker(id);
    await change(['a', 'b'], { asked: 'restart', asked_at: fn('now') });
    await expect(['restart', 0, 2]);
    await change(['a'], { desired: 'stopped' });
    await worker('new a', { status: 'starting', pid: null, started_at: fn('now') }, 'a');
    await expect(['restart', 0, 2]);
    await change(['a'], { pid: null, status: 'stopped' });
    await expect(['restart', 0, 2]);
    await change(['new a'], { pid: 2, status: 'idle' });
    await expect(['restart', 1, 2]);
    await change(['a', 'b'], { asked_at: ago(120) });
    await expect(['restart', 1, 2]);
    await change(['b'], { desired: 'stopped' });
    await worker('new b', { status: 'starting', pid: null }, 'b');
    await change(['new a'], { started_at: ago(60) });
    await expect(['restart', 1, 2]);
    await change(['b'], { pid: null, status: 'stopped' });
    await change(['new b'], { pid: 3, status: 'idle' });
    await expect(null);
  });

  it('is no restart any more when that was broken off', async () => {
    for (const id of ['a', 'b']) await worker(id);
    await change(['a', 'b'], { asked: 'restart', asked_at: ago(120) });
    await change(['a'], { desired: 'stopped', pid: null, status: 'stopped' });
    await worker('new a', { status: 'error', desired: 'stopped', pid: null, started_at: ago(60) }, 'a');
    await expect(null);
    // A stop takes over those that the restart has not reached.
    await change(['b'], { desired: 'stopped', asked: 'stop', asked_at: fn('now') });
    await expect(['stop', 0, 1]);
  });
});

describe('a command that the pool takes long for', function () {
  this.timeout(180_000);
  let service: TestService;
  let remove: () => Promise<void>;

  before(async () => {
    ({ service, remove } = await startTestService());
    assert.equal((await control('start', { worker_count: 2 })).status, 200);
    assert.equal((await settledPool(service)).idle_workers, 2);
  });

  after(() => remove?.());

  const control = (action: string, more = {}) => service.call('POST', '/workers/', { action, ...more });

  /** Sends a command while a worker does not end, and looks at what is said of it. */
  async function whileOneStands(action: 'stop' | 'restart', pid: number): Promise<void> {
    process.kill(pid, 'SIGSTOP');
    try {
      const beganMs = performance.now();
      const { status, body } = await control(action);
      const tookMs = performance.now() - beganMs;
      assert.equal(status, 200, JSON.stringify(body));
      assert.ok(tookMs < 10_000, `${tookMs} ms`);
      const shown = (body.pending_action ?? {}) as Partial<PoolProgress>;
      assert.deepEqual([shown.action, shown.total], [action, 2]);
      assert.deepEqual((await service.call('GET', '/workers/')).body.pending_action, shown);
      // A restart may have come to this one first.
      assert.ok(action === 'stop' ? shown.done === 1 : Number(shown.done) < 2, `${shown.done} are done`);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
  }

  it('is answered within ten seconds, with how far it is, and goes on', async () => {
    // Give controlPool three minutes again (src/api/pool/routes.ts): the answers come when the workers are let go.
    const before = await shownWorkers(service);
    await whileOneStands('restart', Number(before.at(-1)?.pid));
    assert.equal((await settledPool(service)).idle_workers, 2);
    const after = await shownWorkers(service);
    assert.deepEqual(
      after.filter(({ id }) => before.some((worker) => worker.id === id)),
      [],
    );
    await whileOneStands('stop', Number(after.at(0)?.pid));
    const stopped = await settledPool(service);
    assert.deepEqual([stopped.active_workers, (await shownWorkers(service)).length], [0, 0]);
  });

  it('with a key is done once, also when it comes twice at the same time; one that is refused is refused each time', async () => {
    // Take updateId out of startPoolUpdate (src/commands/workflows/client.ts) and there are more.
    const start = (key: string, worker_count = 1) =>
      service.call('POST', '/workers/', { action: 'start', worker_count }, { 'Idempotency-Key': key });
    const answers = await Promise.all([start('a'), start('a'), start('b')]);
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 200],
    );
    assert.equal((await start('a')).status, 200);
    assert.equal((await settledPool(service)).active_workers, 2);
    for (const _ of [1, 2]) assert.equal((await start('c', 32)).status, 400);
    assert.equal((await start('not a key, since it has spaces')).status, 422);
  });
});
