import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import type { Client } from '@temporalio/client';
import pg from 'pg';
import { processStart } from '../../../src/platform/process-identity.ts';
import type { ServiceProcess } from '../../../src/processes/start/service-process.ts';
import { WORKER_POOL_ID } from '../../../src/workflows/contract.ts';
import { processesOfHost, settledPool, shownWorkers, signalHost, startHost } from '../../support/hosts.ts';
import { csvRows } from '../../support/rows.ts';
import { startTestService, type TestService, TINY_MODEL, temporalClientOf, until } from '../../support/service.ts';

const SHOWN_WITHIN_MS = 30_000;

describe('a pool of two hosts', function () {
  this.timeout(240_000);
  let service: TestService;
  let remove: () => Promise<void>;
  let second: ServiceProcess | undefined;
  let database: pg.Client;
  let client: Client;

  before(async () => {
    ({ service, remove } = await startTestService());
    database = new pg.Client(service.databaseUrl);
    await database.connect();
    client = await temporalClientOf(service);
    second = await startHost(service, 'second-host', ['cuda:7']);
    const { status, body } = await service.call('POST', '/workers/', { action: 'start', worker_count: 2 });
    assert.equal(status, 200, JSON.stringify(body));
    await settledPool(service, 2);
  });

  after(async () => {
    for (const host of ['test-host', 'second-host'])
      for (const pid of await processesOfHost(service, host, 'all')) process.kill(pid, 'SIGCONT');
    await database?.end();
    await client?.connection.close();
    await second?.stop();
    await remove?.();
  });

  const control = (action: string) => service.call('POST', '/workers/', { action });

  /** How the pool's last command ended, once none is under way. */
  const lastOutcome = async () => {
    const { events } = await client.workflow.getHandle(WORKER_POOL_ID).fetchHistory();
    const accepted = events?.filter((event) => event.workflowExecutionUpdateAcceptedEventAttributes) ?? [];
    const completed = events?.flatMap((event) => event.workflowExecutionUpdateCompletedEventAttributes ?? []) ?? [];
    return completed.length === accepted.length ? completed.at(-1)?.outcome : null;
  };

  const workerOn = async (host: string) => {
    const worker = (await shownWorkers(service)).find((shown) => shown.host === host && shown.status !== 'error');
    assert.ok(worker, `host ${host} has a worker`);
    return worker;
  };

  it('gives accelerators away first, each to one worker, which sees no other', async () => {
    // Take deviceVariables out of src/processes/host-agent/worker-process.ts and they see everything.
    for (const [host, device, visible] of [
      ['second-host', 'cuda:7', '7'],
      ['test-host', 'cpu', ''],
    ] as const) {
      const worker = await workerOn(host);
      assert.equal(worker.device, device);
      const environment = await readFile(`/proc/${worker.pid}/environ`, 'utf8');
      assert.ok(environment.split('\0').includes(`CUDA_VISIBLE_DEVICES=${visible}`));
    }
    const { status, body } = await service.call('POST', '/workers/', { action: 'start', worker_count: 3 });
    assert.equal(status, 400);
    assert.match(String(body.detail), /worker_count 3 is too many: 2 of at most 4/);

    // Nobody has that GPU, so nothing could be trained on it: from here on both have the CPU.
    assert.equal((await control('stop')).status, 200);
    await second?.stop();
    second = await startHost(service, 'second-host', ['cpu']);
    assert.equal((await service.call('POST', '/workers/', { action: 'start', worker_count: 2 })).status, 200);
    assert.ok((await workerOn('test-host')) && (await workerOn('second-host')));
  });

  it('keeps a worker when its agent is killed and comes back', async () => {
    // Let #reconcileOne (src/processes/host-agent/worker-processes.ts) believe alive only what is in #seen, and the new agent puts another
    // worker in its place.
    const before = await workerOn('second-host');
    const [agent = 0] = await processesOfHost(service, 'second-host', 'agent');
    process.kill(agent, 'SIGKILL');
    await until('another agent to have looked after its workers for a while', async () => {
      const { rowCount } = await database.query(
        `SELECT 1 FROM hosts WHERE name = 'second-host' AND agent_pid <> $1 AND heartbeat_at > started_at + interval '1.5 s'`,
        [agent],
      );
      return rowCount === 1 ? true : null;
    });
    assert.ok((await shownWorkers(service)).every(({ status }) => status === 'idle'));
    const { id, pid } = await workerOn('second-host');
    assert.deepEqual({ id, pid }, { id: before.id, pid: before.pid });
  });

  it('shows the workers of a host that vanishes as error; its run goes on elsewhere; both come back with the host', async () => {
    // Take markLostWorkers out of src/processes/orchestrator/pool-keeper.ts and it shows no reason; take #takeBack out of
    // src/processes/host-agent/worker-processes.ts and it never comes back.
    const datasetId = (await service.upload('rows.csv', csvRows(200))).body.id;
    const long = { name: 'job', dataset_id: datasetId, model_name: TINY_MODEL, epochs: 100, lora_r: 4, max_length: 64 };
    const { body: job } = await service.call('POST', '/jobs/', long);
    const trained = await until('a worker to train', async () =>
      (await shownWorkers(service)).find(({ current_job_id }) => current_job_id === job.id),
    );
    const away = trained.host;
    const there = away === 'test-host' ? 'second-host' : 'test-host';
    await signalHost(service, away, 'all', 'SIGSTOP');
    const shown = await until(
      'its worker to show error',
      async () => (await shownWorkers(service)).find(({ id, status }) => id === trained.id && status === 'error'),
      SHOWN_WITHIN_MS,
    );
    assert.match(String(shown.reason), new RegExp(`^Host ${away} has not reported since \\d{4}-.* UTC\\.`));
    await until('its run to go on elsewhere', async () =>
      (await workerOn(there)).current_job_id === job.id ? true : null,
    );
    // On a busy machine the database may need longer than an answer may take: such an answer says so, and to try again.
    await until('the job to be cancelled', async () => {
      const { status, body } = await service.call('POST', `/jobs/${job.id}/cancel`);
      if (status === 503) console.log(`      asked again: ${body.detail}`);
      else if (status !== 200) assert.equal(status, 400, JSON.stringify(body));
      return (await service.call('GET', `/jobs/${job.id}`)).body.status === 'cancelled' ? true : null;
    });
    // What is away counts for nothing: neither among those that run, nor among those to be restarted.
    const before = await workerOn(there);
    const restarted = await control('restart');
    assert.equal(restarted.status, 200, JSON.stringify(restarted.body));
    assert.equal((await settledPool(service)).active_workers, 1);
    assert.notEqual((await workerOn(there)).id, before.id);

    await signalHost(service, away, 'all', 'SIGCONT');
    const back = await until('its worker to be back', async () =>
      (await shownWorkers(service)).find(
        ({ id, status, reason }) => id === trained.id && status === 'idle' && reason === null,
      ),
    );
    assert.equal(back.pid, trained.pid);
  });

  it('stops although a host does not answer; its worker ends by itself, and is gone when the agent is back', async () => {
    // Take the SIGTERM of `repeat` out of src/processes/training-worker.ts and the worker lives on without its agent; take
    // the second planPoolStop out of src/workflows/pool/worker-pool.ts and the stop fails.
    const { pid } = await workerOn('second-host');
    await signalHost(service, 'second-host', 'agent', 'SIGSTOP');
    const stopped = await control('stop');
    assert.equal(stopped.status, 200, JSON.stringify(stopped.body));
    await until('its worker to end', async () => ((await processStart(Number(pid))) === null ? true : null), 60_000);
    // It goes on behind its answer, since it waits for the host for a while.
    const { success, failure } = await until('the stop to be done', lastOutcome);
    assert.deepEqual([Boolean(success), failure?.message ?? null], [true, null]);
    await signalHost(service, 'second-host', 'agent', 'SIGCONT');
    await until('the pool to be empty', async () =>
      (await shownWorkers(service)).every((worker) => worker.pid === null) ? true : null,
    );
  });
});
