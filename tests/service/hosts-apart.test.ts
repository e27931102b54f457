import assert from 'node:assert/strict';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { toVariables } from '../../src/platform/env-variables.ts';
import { shownWorkers } from '../support/hosts.ts';
import { assertWeights, type Jobs, jobsOf, stepsIn } from '../support/jobs.ts';
import { type Apart, hostApart, noNamespaces } from '../support/namespaces.ts';
import { startObjectStore, type TestStore, withStoreKeys } from '../support/object-store.ts';
import { csvRows } from '../support/rows.ts';
import { startTestService, type TestService, until } from '../support/service.ts';

/** Of 99 of the 110 rows, two at a time: long enough to act in the middle. */
const EPOCHS = 8;
const LAST_STEP = 400;

/** Two hosts, each with a network and a disk of its own; between them, and the service, there is an S3 store. */
describe('hosts without a common folder', function () {
  this.timeout(300_000);
  let storeHome: string;
  let store: TestStore;
  let service: TestService;
  let remove: () => Promise<void>;
  let hosts: Apart[] = [];
  let jobs: Jobs;
  let database: Client;
  let undisturbedJob: number;
  let restoreKeys: (() => void) | undefined;

  before(async function () {
    const missing = await noNamespaces();
    if (missing !== null) {
      console.log(`      Skipped. ${missing}`);
      return this.skip();
    }
    storeHome = await mkdtemp(join(tmpdir(), 'mtm-test-store-'));
    store = await startObjectStore(storeHome);
    restoreKeys = withStoreKeys();
    ({ service, remove } = await startTestService({ storeUrl: store.url, storeEndpoint: store.endpoint }));
    database = new Client({ connectionString: service.databaseUrl });
    await database.connect();
    jobs = jobsOf(service, Number((await service.upload('rows.csv', csvRows(110))).body.id));
    const { databaseUrl, temporalAddress, env } = service;
    const ports = [Number(new URL(databaseUrl).port), Number(temporalAddress.split(':').at(-1)), store.port];
    for (const nth of [1, 2]) {
      const apart = await hostApart(nth, env.home, ports, (address) => {
        const over = (url: string) => url.replace(/127\.0\.0\.1|localhost/, address);
        const places = { databaseUrl: over(databaseUrl), temporalAddress: over(temporalAddress) };
        return toVariables({ ...env, ...places, storeEndpoint: over(store.endpoint), hostName: `apart-${nth}` });
      });
      hosts.push(apart);
      await cp(env.modelCache, join(`${env.home}-${nth}`, 'models'), { recursive: true, verbatimSymlinks: true });
    }
    // This machine's own host has the orchestrator's folder: nothing is to be trained here.
    await service.call('POST', `/workers/hosts/${env.hostName}/drain`, {});
    for (const host of hosts) await host.startAgent();
    await until('both hosts', async () => {
      const { body } = await service.call('GET', '/workers/');
      return (body.hosts as { name: string }[]).filter(({ name }) => name.startsWith('apart-')).length === 2 || null;
    });
    await service.call('POST', '/workers/', { action: 'start', worker_count: 2 });
  });

  after(async () => {
    await database?.end();
    for (const host of hosts) await host.remove();
    hosts = [];
    await remove?.();
    await store?.stop();
    if (storeHome) await rm(storeHome, { recursive: true, force: true });
    restoreKeys?.();
  });

  const hostOf = async (job: number) =>
    (await shownWorkers(service)).find(({ current_job_id }) => current_job_id === job)?.host;

  /** Of a run that is under way; the stream of its events would not end. */
  const hasSaid = async (run: number, kind: string, like: string) => {
    const sql = `SELECT 1 FROM run_events WHERE run_id = $1 AND kind = $2 AND data->>'message' LIKE $3`;
    return (await database.query(sql, [run, kind, like])).rows.length > 0 || null;
  };

  /** Of what its host alone has, nothing is left where that is killed. */
  const isStored = (run: number) =>
    until(`a checkpoint of run ${run} in the store`, async () => {
      const sql = 'SELECT 1 FROM checkpoints WHERE run_id = $1 AND stored_at IS NOT NULL';
      return (await database.query(sql, [run])).rows.length > 0 || null;
    });

  it('a run moves to another by a kill, and its weights are those of one that nobody disturbed', async () => {
    const both = [await jobs.create({ epochs: EPOCHS }), await jobs.create({ epochs: EPOCHS })];
    const [first, second] = both as [number, number];
    for (const id of both) await jobs.atStep(id, 45);
    await isStored(first);
    const lost = String(await hostOf(first));
    assert.match(lost, /^apart-[12]$/);
    await hosts[Number(lost.slice(-1)) - 1]?.kill();
    undisturbedJob = second;
    const undisturbed = await jobs.ended(second);
    const moved = await jobs.ended(first);
    assertWeights(moved, undisturbed);
    // Take the giving of checkpoints out (`recorded` in src/activities/runs/stored-training.ts), and it begins again.
    const events = await jobs.eventsOf(first);
    const [resumedAt] = stepsIn(events, 'resumed');
    assert.ok(Number(resumedAt) >= 20, `it went on from step ${resumedAt}`);
    const steps = stepsIn(events, 'step');
    assert.equal(new Set(steps).size, LAST_STEP, 'each step has a row');
    const log = await fetch(`${service.apiUrl}/api/v1/jobs/${first}/logs?task=train`);
    assert.equal(log.status, 200);
  });

  it('goes on while the store is away, says so, and ends once that has its model', async () => {
    for (const host of hosts) await host.startAgent();
    const id = await jobs.create({ epochs: EPOCHS });
    await jobs.atStep(id, 25);
    await store.stop();
    // Let `saved` wait for the store, in the way of the trainer's events, and it never comes to this step.
    await jobs.atStep(id, LAST_STEP);
    await until('a warning', () => hasSaid(id, 'warning', 'The store s3://%does not answer%'));
    assert.equal((await jobs.get(id)).status, 'running');
    await store.start();
    await until('the store to take files', () => hasSaid(id, 'log', '%takes files again%'));
    assertWeights(await jobs.ended(id), await jobs.get(undisturbedJob));
  });

  it('a cancelled run is gone on from on any host', async () => {
    for (const host of hosts) await host.startAgent();
    const id = await jobs.create({ epochs: EPOCHS });
    await jobs.atStep(id, 45);
    await isStored(id);
    const host = String(await hostOf(id));
    await jobs.act(id, 'cancel');
    await jobs.ended(id);
    await hosts[Number(host.slice(-1)) - 1]?.kill();
    await jobs.act(id, 'start');
    const done = await jobs.ended(id);
    assertWeights(done, await jobs.get(undisturbedJob));
    const [resumedAt] = stepsIn(await jobs.eventsOf(id), 'resumed');
    assert.ok(Number(resumedAt) >= 20, `it went on from step ${resumedAt}`);
  });
});
