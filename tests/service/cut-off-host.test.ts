import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import type { ServiceProcess } from '../../src/processes/start/service-process.ts';
import { settledPool, shownWorkers, startHost } from '../support/hosts.ts';
import { assertWeights, type Jobs, jobsOf } from '../support/jobs.ts';
import { type Link, openLink } from '../support/link.ts';
import { csvRows } from '../support/rows.ts';
import { type OutsideServers, startOutsideServers } from '../support/servers.ts';
import { startServiceWithServers, type TestService, until } from '../support/service.ts';
import { trainersOf } from '../support/trainers.ts';

/** Of a job of four epochs: 99 of the 110 rows, two at a time. */
const LAST_STEP = 200;

/** Two agents with shared storage; the second reaches PostgreSQL and Temporal at 127.0.0.2, over a network that can be cut. */
describe('a host that is cut off from the network', function () {
  this.timeout(480_000);
  let servers: OutsideServers;
  let service: TestService;
  let remove: () => Promise<void>;
  let links: Link[] = [];
  let second: ServiceProcess;
  let jobs: Jobs;
  let database: Client;

  before(async () => {
    servers = await startOutsideServers();
    const { databaseUrl, temporalAddress } = servers;
    ({ service, remove } = await startServiceWithServers({ databaseUrl, temporalAddress, hostName: 'host-a' }));
    database = new Client({ connectionString: databaseUrl });
    await database.connect();
    jobs = jobsOf(service, Number((await service.upload('rows.csv', csvRows(110))).body.id));

    const url = new URL(databaseUrl);
    links = [
      await openLink('127.0.0.2', Number(url.port)),
      await openLink('127.0.0.2', Number(temporalAddress.split(':').at(-1))),
    ];
    const [toDatabase, toTemporal] = links.map(({ port }) => `127.0.0.2:${port}`);
    url.host = String(toDatabase);
    second = await startHost({ ...service, databaseUrl: url.href, temporalAddress: String(toTemporal) }, 'host-b');
    await service.call('POST', '/workers/', { action: 'start', worker_count: 2 });
    const body = await settledPool(service, 2);
    assert.deepEqual((body.workers as { host: string }[]).map(({ host }) => host).sort(), ['host-a', 'host-b']);
  });

  after(async () => {
    // Also where the test failed in between: a worker that hears of nothing lives on.
    for (const link of links) link.heal();
    await service?.call('POST', '/workers/', { action: 'stop' });
    await second?.stop();
    await database?.end();
    await remove?.();
    for (const link of links) await link.remove();
    await servers?.remove();
  });

  /** Names of checkpoints of one claim. */
  const savedBy = (runId: number, leaseEpoch: number) =>
    readdir(join(service.env.home, 'runs', String(runId), 'checkpoints', `e${leaseEpoch}`)).catch((): string[] => []);

  it('stops by itself, the other takes over, and nothing that it did later is accepted', async () => {
    // Long enough to tell one that trains on from one that has been stopped.
    const both = [await jobs.create({ epochs: 4 }), await jobs.create({ epochs: 4 })];
    for (const id of both) await jobs.atStep(id, 25);
    const busy = await shownWorkers(service);
    const on = (host: string) => busy.find((worker) => worker.host === host && worker.current_job_id !== null);
    const [kept, lost] = [on('host-a')?.current_job_id, on('host-b')?.current_job_id];
    const lostWorker = on('host-b')?.id;
    assert.ok(kept && lost && lostWorker);
    const undisturbed = () => jobs.ended(kept);

    for (const link of links) link.cut();
    // Take all its ends out, `end('lease_lost')` of src/activities/runs/under-lease.ts, prolongLease of src/trainer/process.ts
    // and the giving up of src/activities/runs/event-delivery.ts, and it trains to its last step.
    await until('the trainer of host-b to end by itself', async () =>
      (await trainersOf(service.env.home)).some(({ runId }) => runId === lost) ? null : true,
    );
    const { rows } = await database.query('SELECT status, lease_epoch, worker_id FROM runs WHERE id = $1', [lost]);
    assert.deepEqual(
      rows,
      [{ status: 'running', lease_epoch: 1, worker_id: lostWorker }],
      'before anybody else had it',
    );

    const saved = await savedBy(lost, 1);
    assert.ok(!saved.includes(`checkpoint-${LAST_STEP}`), saved.join(', '));
    const reference = await undisturbed();
    const done = await jobs.ended(lost);
    assertWeights(done, reference);
    const claims = await database.query(
      `SELECT data->>'worker_id' AS worker, created_at AS at FROM run_events
       WHERE run_id = $1 AND kind = 'status' AND data->>'status' = 'running' AND data ? 'worker_id' ORDER BY seq`,
      [lost],
    );
    const [first, next] = claims.rows;
    assert.equal(first.worker, lostWorker);
    assert.equal(next.worker, on('host-a')?.id);
    for (const link of links) link.heal();
    // It is of use again, and its job has been done.
    await until('host-b to have a worker that is free', async () =>
      (await shownWorkers(service)).some(({ host, status }) => host === 'host-b' && status === 'idle') ? true : null,
    );
    assert.deepEqual(await jobs.get(lost), done);
    for (const name of await savedBy(lost, 1))
      assert.ok(saved.includes(name), `${name} was saved after it had been cut off`);
  });
});
