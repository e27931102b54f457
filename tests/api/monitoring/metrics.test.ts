import assert from 'node:assert/strict';
import pg from 'pg';
import { Job } from '../../../src/models/jobs/job.ts';
import { Host } from '../../../src/models/pool/host.ts';
import { newWorker, Worker } from '../../../src/models/pool/worker.ts';
import { claimLease, renewLease } from '../../../src/models/runs/lease.ts';
import { connection, Run } from '../../../src/models/runs/run.ts';
import { recordCheckpoint, recordSteps } from '../../../src/models/runs/run-progress.ts';
import { transition } from '../../../src/models/runs/transition.ts';
import { type ApiOnly, startTestApi } from '../../support/api.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { type Scrape, scrape, startScrapedApi } from '../../support/metrics.ts';
import { buildRun } from '../../support/runs.ts';
import { until } from '../../support/service.ts';

const SOON_MS = 10_000;
const OPENMETRICS = { Accept: 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1' };

const createdIn = ({ value }: Scrape) => value('mtm_runs_created_total', { training_type: 'qlora' }) ?? 0;

/** On a database that nobody else writes to, by an API that reads the figures anew for each scrape. */
describe('GET /metrics', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let api: ApiOnly;

  before(async () => {
    database = await startTestDatabase();
    api = await startScrapedApi(database);
  });

  after(async () => {
    await api?.close();
    await database?.remove();
  });

  /** A look that shows what is there now. */
  const fresh = async (what: string, is: (found: Scrape) => boolean) =>
    await until(
      what,
      async () => {
        const found = await scrape(api.url);
        return is(found) ? found : null;
      },
      SOON_MS,
    );

  it('is text for Prometheus, or OpenMetrics where that is asked for, and the one does not change the other', async () => {
    // Register the metrics themselves instead of copies in addOwn, and the second text has counters without `_total`.
    const before = await scrape(api.url);
    const asked = await fetch(`${api.url}/metrics`, { headers: OPENMETRICS });
    const open = await asked.text();
    assert.match(asked.headers.get('Content-Type') ?? '', /^application\/openmetrics-text; version=1\.0\.0/);
    assert.match(open, /\n# EOF\n$/);
    assert.match(open, /^# TYPE mtm_lease_losses counter\nmtm_lease_losses_total 0$/m);
    const text = await fetch(`${api.url}/metrics`);
    assert.match(text.headers.get('Content-Type') ?? '', /^text\/plain; version=0\.0\.4/);
    const { names } = await scrape(api.url);
    assert.deepEqual(
      [...before.names].filter((name) => !names.has(name)),
      [],
    );
    assert.ok(names.has('process_cpu_user_seconds_total'));
    assert.equal((await fetch(`${api.url}/api/v1/metrics`)).status, 200);
  });

  it('tells counters from 0 and what is away', async () => {
    const withoutTemporal = await startTestApi(database);
    const { value } = await scrape(withoutTemporal.url);
    await withoutTemporal.close();
    assert.equal(value('mtm_lease_losses_total'), 0);
    assert.equal(value('mtm_run_retries_total', { cause: 'worker_lost' }), 0);
    assert.equal(value('mtm_up', { component: 'database' }), 1);
    assert.equal(value('mtm_up', { component: 'temporal' }), 0);
    assert.equal(value('mtm_build_info', { node: process.version }), 1);
  });

  it('names requests by their route, and one that matches none by nothing of its own', async () => {
    // Label by ctx.path in request-metrics.ts, and it fails.
    await api.call('GET', '/jobs/4711');
    await api.call('GET', '/jobs/4712/');
    await fetch(`${api.url}/wp-login.php?${'x'.repeat(100)}`);
    const { text, value } = await scrape(api.url);
    const name = 'mtm_http_request_duration_seconds_count';
    assert.equal(value(name, { route: '/api/v1/jobs/:id', method: 'GET', status: '4xx' }), 2);
    assert.equal(value(name, { route: 'none', method: 'GET', status: '4xx' }), 1);
    assert.doesNotMatch(text, /4711|4712|wp-login/);
    assert.equal(value('mtm_http_requests_in_progress'), 1);
  });

  it('follows a run from the queue to its end, counts what happens to it once, and forgets its figures', async () => {
    const run = await buildRun(database);
    const queued = await fresh('the run to be seen', ({ value }) => value('mtm_queue_runs') === 1);
    assert.equal(queued.value('mtm_runs', { status: 'pending', phase: 'waiting', training_type: 'qlora' }), 1);
    assert.equal(queued.value('mtm_runs_created_total', { training_type: 'qlora' }), 1);
    assert.ok((queued.value('mtm_queue_oldest_seconds') ?? 0) > 0);
    assert.equal(queued.value('mtm_dispatch_lag_seconds'), 0);
    assert.deepEqual(queued.samples('mtm_run_info'), []);

    await Run.update({ admitted_at: new Date(Date.now() - 60_000) }, { where: { id: run.id } });
    await Worker.create({
      ...newWorker('worker-1', 'gpu-1'),
      status: 'busy',
      device: 'cuda:0',
      current_run_id: run.id,
    });
    await transition({ runId: run.id, to: 'queued', phase: 'waiting_for_worker' });
    // Its worker is lost: another claim follows, of the same worker here.
    for (const ttlMs of [0, 30_000]) {
      const claimed = await claimLease(run.id, 'worker-1', ttlMs, 'loading');
      assert.equal(claimed.outcome, 'claimed');
      if (claimed.outcome !== 'claimed') continue;
      await renewLease(claimed.lease, ttlMs);
      const device = {
        utilization_percent: 87,
        temperature_c: 61,
        power_w: null,
        memory_used_bytes: 5e9,
        memory_total_bytes: 2e10,
      };
      const step = { type: 'step', step: 30, total_steps: 120, epoch: 0.5, loss: 2.5, learning_rate: 1e-3 } as const;
      const rest = { grad_norm: 1, tokens: 3_000, tokens_per_s: 100, seconds_left: 45, memory_bytes: 1e9, device };
      await recordSteps(claimed.lease, [{ ...step, ...rest }]);
      const saved = { step: 30, epoch: 0.5, path: `/c/${ttlMs}`, manifest_sha256: 'a'.repeat(64), bytes: 1_000 };
      // Told twice, as after an outage: it is one checkpoint.
      for (const _ of [1, 2])
        await recordCheckpoint(claimed.lease, { type: 'checkpoint', ...saved, seconds: 2, waited_seconds: 0.5 }, 7);
    }
    const running = await fresh('the run to have a worker', ({ value }) => value('mtm_lease_claims_total') === 2);
    const of = (name: string) => running.value(`mtm_run_${name}`, { run: String(run.id) });
    assert.deepEqual(
      [of('loss'), of('step'), of('steps'), of('tokens_per_second'), of('step_duration_seconds'), of('attempts')],
      [2.5, 30, 120, 100, 0.5, 2],
    );
    assert.deepEqual(
      [of('gpu_utilization_ratio'), of('gpu_memory_used_bytes'), of('gpu_power_watts'), of('memory_bytes')],
      [0.87, 5e9, undefined, 1e9],
    );
    assert.equal(of('progress_ratio'), (0.95 * 30) / 120);
    assert.equal(of('lease_renewals_total'), 2);
    const left = of('lease_left_seconds') ?? 0;
    assert.ok(left > 10 && left <= 30, `${left} s`);
    const labels = { run: String(run.id), job: String(run.job_id), host: 'gpu-1', device: 'cuda:0', phase: 'training' };
    assert.equal(running.value('mtm_run_info', labels), 1);
    assert.equal(running.value('mtm_lease_losses_total'), 1);
    assert.equal(running.value('mtm_run_retries_total', { cause: 'worker_lost' }), 1);
    assert.equal(running.value('mtm_checkpoints_total'), 2);
    assert.equal(running.value('mtm_checkpoint_bytes_total'), 2_000);
    assert.equal(running.value('mtm_checkpoint_stood_still_seconds_total'), 1);
    // It has no workflow yet.
    assert.ok((running.value('mtm_dispatch_lag_seconds') ?? 0) >= 60);
    assert.equal(running.value('mtm_workers', { host: 'gpu-1', device: 'cuda:0', status: 'busy' }), 1);
    assert.equal(running.value('mtm_workers_wanted', { host: 'gpu-1' }), 1);

    await transition({
      runId: run.id,
      to: 'failed',
      phase: 'finished',
      set: { error_class: 'Diverged', error_message: 'It did.' },
    });
    const ended = await fresh('the run to be gone', ({ samples }) => samples('mtm_run_info').length === 0);
    assert.doesNotMatch(ended.text, new RegExp(`\\{[^}]*run="${run.id}"`));
    assert.equal(ended.value('mtm_runs_ended_total', { status: 'failed', training_type: 'qlora' }), 1);
    assert.equal(ended.value('mtm_run_failures_total', { error_class: 'Diverged' }), 1);
    await Worker.destroy({ where: {} });
  });

  it('goes on from the same counts where the API is started anew, also when the runs are deleted', async () => {
    // Count at each scrape from the beginning, as without event_counts_place, and it fails.
    const was = await scrape(api.url);
    await Job.destroy({ where: {} });
    await connection().query('DELETE FROM run_events');
    const { temporalAddress } = api.env;
    const another = await startTestApi(database, { temporalAddress });
    const is = await scrape(another.url);
    await another.close();
    for (const name of ['mtm_lease_claims_total', 'mtm_checkpoints_total', 'mtm_checkpoint_seconds_total'])
      assert.equal(is.value(name), was.value(name), name);
    assert.equal(is.value('mtm_runs_ended_total', { status: 'failed', training_type: 'qlora' }), 1);
  });

  it('counts once what a transaction writes that began before others were counted', async () => {
    const client = new pg.Client(database.url);
    await client.connect();
    const created = async () => createdIn(await scrape(api.url));
    const was = await created();
    const other = await buildRun(database);
    await client.query('BEGIN');
    await client.query(`INSERT INTO run_events (run_id, kind, data) VALUES ($1, 'status', '{"status": "pending"}')`, [
      other.id,
    ]);
    // Written after it, committed before it.
    await buildRun(database);
    await until('the first to be counted', async () => ((await created()) === was + 1 ? true : null), SOON_MS);
    await client.query('COMMIT');
    await until('all to be counted', async () => ((await created()) === was + 3 ? true : null), SOON_MS);
    await client.end();
    await Job.destroy({ where: {} });
  });

  it('goes on counting on another server, whose transactions have lower numbers, and counts nothing again', async () => {
    await connection().query(`UPDATE event_counts_place SET xid = '4611686018427387904'`);
    const was = createdIn(await scrape(api.url));
    await until(
      'the place to be one of this server',
      async () => {
        await scrape(api.url);
        const [rows] = await connection().query("SELECT 1 FROM event_counts_place WHERE xid = '0'");
        return rows.length > 0 ? true : null;
      },
      SOON_MS,
    );
    await buildRun(database);
    const is = await fresh('the next run', (found) => createdIn(found) !== was);
    assert.equal(createdIn(is), was + 1);
    await Job.destroy({ where: {} });
  });

  it('tells of hosts, their GPUs and disks, and of none that is away what it has', async () => {
    const gpus = [{ device: 'cuda:0', name: 'A "GPU"', bytes: 2e10, free_bytes: 1.5e10, has_bf16: true }];
    const disks = [{ path: '/data', holds: ['home' as const, 'outputs' as const], bytes: 1e12, free_bytes: 4e11 }];
    const memory = { bytes: 8e9, available_bytes: 5e9, cpu: 'Some CPU', cpu_has_bf16: true, gpus, disks };
    const startedAt = new Date();
    await Host.report({ name: 'gpu-1', agentPid: 1, devices: ['cuda:0'], memory, startedAt });
    await Host.report({ name: 'gpu-2', agentPid: 1, devices: ['cuda:0'], memory, startedAt });
    await connection().query(`UPDATE hosts SET heartbeat_at = now() - interval '1 minute' WHERE name = 'gpu-2'`);
    const found = await fresh('both hosts', ({ samples }) => samples('mtm_host_up').length === 2);
    assert.deepEqual(
      [found.value('mtm_host_up', { host: 'gpu-1' }), found.value('mtm_host_up', { host: 'gpu-2' })],
      [1, 0],
    );
    assert.equal(found.value('mtm_disk_free_bytes'), 4e11);
    assert.equal(found.value('mtm_disk_used_bytes', { host: 'gpu-1', path: '/data', holds: 'home,outputs' }), 6e11);
    assert.equal(found.value('mtm_gpu_memory_free_bytes', { host: 'gpu-1', device: 'cuda:0' }), 1.5e10);
    assert.equal(found.value('mtm_host_memory_available_bytes'), 5e9);
  });

  it('needs a key where the service has any, at both paths', async () => {
    // Declare one of the two as open, and it fails.
    const { temporalAddress } = api.env;
    const guarded = await startTestApi(database, { apiKeys: ['a-key'], temporalAddress });
    for (const path of ['/metrics', '/api/v1/metrics'])
      assert.equal((await fetch(`${guarded.url}${path}`)).status, 401, path);
    const { text } = await scrape(guarded.url, { Authorization: 'Bearer a-key' });
    await guarded.close();
    assert.doesNotMatch(text, /a-key/);
  });
});
