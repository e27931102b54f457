import assert from 'node:assert/strict';
import pg from 'pg';
import { type ShownWorker, settledPool, shownWorkers } from '../../support/hosts.ts';
import { type Jobs, jobsOf } from '../../support/jobs.ts';
import { csvRows } from '../../support/rows.ts';
import { startTestService, type TestService, until } from '../../support/service.ts';

/** So many steps that it trains for as long as a test needs it. */
const LONG = { epochs: 100, save_steps: 500 };

describe('the pool, by itself and when asked', function () {
  this.timeout(240_000);
  let service: TestService;
  let remove: () => Promise<void>;
  let database: pg.Client;
  let jobs: Jobs;
  let first: number;
  let second: number;
  let third: number;

  before(async () => {
    ({ service, remove } = await startTestService());
    database = new pg.Client(service.databaseUrl);
    await database.connect();
    jobs = jobsOf(service, Number((await service.upload('rows.csv', csvRows(200))).body.id));
  });

  after(async () => {
    await database?.end();
    await remove?.();
  });

  const configure = (changes: Record<string, unknown>) => service.call('PATCH', '/config/', changes);
  const control = (action: string, more = {}) => service.call('POST', '/workers/', { action, ...more });

  const trains = (jobId: number) =>
    until(`job ${jobId} to train`, async () => {
      const worker = (await shownWorkers(service)).find(({ current_job_id }) => current_job_id === jobId);
      const { current_step } = await jobs.get(jobId);
      return worker && Number(current_step) > 0 ? worker : null;
    });

  /** The workers of the pool, once there are so many and no others are ending. */
  const settledAt = (count: number) =>
    until(`the pool to have ${count} workers`, async () => {
      const workers = await shownWorkers(service);
      return workers.length === count ? workers : null;
    });

  const handBacks = async (jobId: number) => {
    const events = await database.query(
      `SELECT 1 FROM run_events JOIN runs ON runs.id = run_id WHERE job_id = $1 AND data->>'reason' = 'worker_stopping'`,
      [jobId],
    );
    return events.rowCount;
  };

  it('starts a worker for each run that waits, up to the limit, and none for a paused one', async () => {
    // Take "pause_reason IS NULL" out of WAITS_FOR_WORKER in src/activities/pool/plan-pool.ts and it starts two at first; let
    // it place `missing` instead of Math.min(missing, room), and it starts three in the end.
    const paused = await jobs.create(LONG);
    assert.equal((await service.call('POST', `/jobs/${paused}/pause`)).status, 200);
    await configure({ max_concurrent_workers: 2, auto_start_workers: true });
    first = await jobs.create(LONG);
    await trains(first);
    assert.equal((await shownWorkers(service)).length, 1);
    second = await jobs.create(LONG);
    third = await jobs.create(LONG);
    await until('a second run to train', async () =>
      (await shownWorkers(service)).filter(({ status }) => status === 'busy').length === 2 ? true : null,
    );
    assert.equal((await shownWorkers(service)).length, 2);
    if (!(await shownWorkers(service)).some(({ current_job_id }) => current_job_id === second))
      [second, third] = [third, second];
    await trains(second);
  });

  it('restarts one worker after another: runs are handed back, and at most one place is missing at a time', async () => {
    // Let restartOneByOne (src/workflows/pool/worker-pool.ts) begin all of them at once and no worker is left for a while.
    const before = await settledAt(2);
    const answered = control('restart');
    let isAnswered = false;
    void answered.then(() => {
      isAnswered = true;
    });
    await until('the restart to be done', async () => {
      // One that still saves takes no run.
      const { rowCount } = await database.query(
        `SELECT 1 FROM workers WHERE desired = 'running' AND status IN ('idle', 'busy')`,
      );
      assert.ok(Number(rowCount) >= 1, `${rowCount} workers are there`);
      const { pending_action } = (await service.call('GET', '/workers/')).body;
      return isAnswered && pending_action === null ? true : null;
    });
    const restarted = await answered;
    assert.equal(restarted.status, 200, JSON.stringify(restarted.body));
    const after = await settledAt(2);
    const ids = (workers: ShownWorker[]) => workers.map(({ id }) => id);
    assert.deepEqual(
      ids(after).filter((id) => ids(before).includes(id)),
      [],
    );
    assert.deepEqual([await handBacks(first), await handBacks(second)], [1, 1]);
  });

  it('drains what is more than the limit: the idle worker first, then that of the newest run, which is handed back', async () => {
    // Let leastLossFirst (src/activities/pool/plan-pool.ts) give the workers as they come, and the others go.
    await configure({ max_concurrent_workers: 3 });
    await Promise.all([trains(first), trains(second), trains(third)]);
    await configure({ auto_start_workers: false });
    await service.call('POST', `/jobs/${first}/cancel`);
    const idle = await until('its worker to be idle', async () =>
      (await shownWorkers(service)).find(({ status }) => status === 'idle'),
    );
    await configure({ max_concurrent_workers: 2 });
    const busy = await settledAt(2);
    assert.ok(!busy.some(({ id }) => id === idle.id));
    const before = await handBacks(second);
    await configure({ max_concurrent_workers: 1 });
    const [left] = await settledAt(1);
    assert.equal(left?.current_job_id, second);
    assert.equal(await handBacks(second), before);
    assert.equal(await handBacks(third), 1);
    assert.equal((await service.call('GET', `/jobs/${third}`)).body.status, 'queued');
    await control('stop');
    await settledPool(service);
  });

  it('replaces workers that end at their start ever more slowly, says why, and goes on once they can start', async () => {
    // Let died (src/processes/host-agent/crash-back-off.ts) give 0 and none waits; take the transaction's Worker.create out of
    // src/processes/host-agent/worker-processes.ts and none comes.
    await database.query(
      `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'nobody may be idle'; END $$;
       CREATE TRIGGER refuse BEFORE UPDATE ON workers FOR EACH ROW WHEN (NEW.status = 'idle') EXECUTE FUNCTION refuse()`,
    );
    for (const id of [second, third]) await service.call('POST', `/jobs/${id}/cancel`);
    const why = /ended without having been asked to \(exit code 1\)\. Last line of its log: nobody may be idle/;
    const started = await control('start', { worker_count: 1 });
    // A worker that takes longer to end than the answer may is shown below.
    if (started.status !== 200) {
      assert.equal(started.status, 503, JSON.stringify(started.body));
      assert.match(String(started.body.detail), why);
    }
    const waits = new Set<number>();
    await until('two waits', async () => {
      for (const { status, reason } of await shownWorkers(service)) {
        const [, waitS] = /ended soon after their start, so it waits for (\d+) s\./.exec(String(reason)) ?? [];
        if (waitS === undefined) continue;
        assert.equal(status, 'error');
        assert.match(String(reason), why);
        waits.add(Number(waitS));
      }
      return waits.size >= 2 ? true : null;
    });
    assert.deepEqual([...waits], [1, 2]);
    await database.query('DROP FUNCTION refuse() CASCADE');
    const healed = await until('a worker to be there', async () =>
      (await shownWorkers(service)).find(({ status }) => status === 'idle'),
    );
    assert.deepEqual([healed.reason, healed.next_start_at], [null, null]);
    assert.equal((await control('stop')).status, 200);
    assert.equal((await settledPool(service)).active_workers, 0);
  });
});
