import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { jobsOf } from '../support/jobs.ts';
import { listeningOf, processesOf } from '../support/processes.ts';
import { csvRows } from '../support/rows.ts';
import { startTestService, type TestService, until } from '../support/service.ts';

/** The agent, its workers, and the processes of their trainers. */
const OF_A_HOST = /main\.js (host|worker)|-m trainer|multiprocessing/;

describe('the host of trainings', function () {
  this.timeout(120_000);
  let service: TestService;
  let remove: () => Promise<void>;

  before(async () => {
    // Two processes for each run, which meet.
    ({ service, remove } = await startTestService({ devicesPerRun: 2 }));
  });
  after(() => remove?.());

  it('needs outgoing connections alone: while it trains, nothing of it listens but on loopback', async () => {
    // Let the processes of a run meet at another interface (GLOO_SOCKET_IFNAME in trainer/training/ranks.py), or the agent listen, and it fails.
    const jobs = jobsOf(service, Number((await service.upload('rows.csv', csvRows(80))).body.id));
    await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
    const id = await jobs.create({ epochs: 20 });
    await jobs.atStep(id, 3);
    const ofTheHost = await until('agent, worker and trainer to be there', async () => {
      const found = (await processesOf(service.env.home)).filter(({ command }) => OF_A_HOST.test(command));
      const isThere = (what: RegExp) => found.some(({ command }) => what.test(command));
      return isThere(/main\.js host/) && isThere(/main\.js worker/) && isThere(/-m trainer/) ? found : null;
    });
    const listening = await listeningOf(ofTheHost.map(({ pid }) => pid));
    console.log(`      ${ofTheHost.length} processes, which listen at: ${listening.join(', ') || 'nothing'}`);
    assert.deepEqual(
      listening.filter((address) => !/^127\./.test(address)),
      [],
    );
    await service.call('POST', `/jobs/${id}/cancel`);
  });

  it('would be seen to listen, if it did', async () => {
    const server = createServer().listen(0, '0.0.0.0');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    assert.ok((await listeningOf([process.pid])).includes(`0.0.0.0:${port}`));
    server.close();
  });
});
