import assert from 'node:assert/strict';
import type { ServiceProcess } from '../../src/processes/start/service-process.ts';
import { processesOfHost, settledPool, shownWorkers, startHost } from '../support/hosts.ts';
import { assertWeights, type Jobs, jobsOf } from '../support/jobs.ts';
import { csvRows } from '../support/rows.ts';
import { startTestService, type TestService, until } from '../support/service.ts';

interface ShownHost {
  name: string;
  drain: { state: string; move: boolean } | null;
}

describe('a host that is drained', function () {
  this.timeout(360_000);
  let service: TestService;
  let remove: () => Promise<void>;
  let second: ServiceProcess | undefined;
  let jobs: Jobs;
  const options = { lora_dropout: 0.1, epochs: 1, save_steps: 10 };

  before(async () => {
    ({ service, remove } = await startTestService());
    jobs = jobsOf(service, Number((await service.upload('rows.csv', csvRows(80))).body.id));
    await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
    await settledPool(service, 1);
  });

  after(async () => {
    await second?.stop();
    await remove?.();
  });

  const drainOf = async (name: string) =>
    ((await service.call('GET', '/workers/')).body.hosts as ShownHost[]).find((host) => host.name === name)?.drain;
  const drained = (name: string) =>
    until(`${name} to be drained`, async () => ((await drainOf(name))?.state === 'drained' ? true : null), 120_000);
  const workersOn = async (host: string) => (await shownWorkers(service)).filter((worker) => worker.host === host);

  it('is left by its run, which saves and goes on elsewhere to the same weights, also where its agent is killed', async () => {
    // Take the drain out of reconcileOne (src/processes/host-agent/worker-processes.ts) and its worker is replaced; out of
    // handBack (src/activities/runs/under-lease.ts) and the event does not say why it moved.
    const long = { ...options, epochs: 12, save_steps: 100 };
    const undisturbed = await jobs.ended(await jobs.create(long));
    const id = await jobs.create(long);
    await jobs.atStep(id, 15);
    const [worker] = await workersOn('test-host');
    second = await startHost(service, 'second-host', ['cpu']);
    const [agent = 0] = await processesOfHost(service, 'test-host', 'agent');
    const { status, body } = await service.call('POST', '/workers/hosts/test-host/drain', { move: true });
    process.kill(agent, 'SIGKILL');
    assert.equal(status, 200, JSON.stringify(body));
    await drained('test-host');
    // The service has its agent back by now, or soon: the drain is still there, and nothing is started.
    await until('another agent', async () => {
      const [now] = await processesOfHost(service, 'test-host', 'agent');
      return now !== undefined && now !== agent ? true : null;
    });
    const waiting = await jobs.reached('why it waits', id, ({ waits_because }) =>
      /Host test-host is being drained, and there is no other worker\./.test(String(waits_because)),
    );
    assert.equal(waiting.status, 'queued');
    await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
    assertWeights(await jobs.ended(id), undisturbed);
    const events = await jobs.eventsOf(id);
    assert.match(events, new RegExp(`"reason": ?"drained".*${worker?.id}`));
    assert.match(events, /event: resumed/);
    assert.deepEqual(
      (await workersOn('test-host')).map(({ id, pid, status }) => ({ id, pid, status })),
      [{ id: worker?.id, pid: null, status: 'stopped' }],
    );
  });

  it('has its workers again when that ends', async () => {
    // Let #park (src/processes/host-agent/worker-processes.ts) want it no more, and nothing comes back.
    assert.equal((await service.call('POST', '/workers/hosts/test-host/undrain')).status, 200);
    await until('its worker to be back', async () => {
      const [worker] = await workersOn('test-host');
      return worker?.status === 'idle' ? true : null;
    });
    const { status, body } = await service.call('POST', '/workers/hosts/test-host/undrain');
    assert.equal(status, 400);
    assert.match(String(body.detail), /Host test-host is not being drained/);
    const unknown = await service.call('POST', '/workers/hosts/nowhere/drain', {});
    assert.equal(unknown.status, 404);
    assert.match(String(unknown.body.detail), /There is no host nowhere\. There are second-host, test-host\./);
  });

  it('keeps what it trains to its end, with its validation, and takes nothing after it', async () => {
    // Let drainForClaim (src/models/pool/drain.ts) refuse the validation, and the run waits for it for ever.
    await service.call('POST', '/workers/hosts/second-host/drain', {});
    await drained('second-host');
    const id = await jobs.create(options);
    await jobs.atStep(id, 5);
    await service.call('POST', '/workers/hosts/test-host/drain', {});
    const next = await jobs.create(options);
    assert.equal((await drainOf('test-host'))?.state, 'draining');
    assert.equal((await jobs.ended(id)).status, 'completed');
    await drained('test-host');
    assert.equal((await jobs.get(next)).started_at, null);
    const events = await jobs.eventsOf(id);
    assert.doesNotMatch(events, /"reason": ?"(drained|worker_stopping|worker_lost)"/);
  });
});
