import assert from 'node:assert/strict';
import { jobsOf } from '../support/jobs.ts';
import { processesOf } from '../support/processes.ts';
import { Receiver, verified } from '../support/receiver.ts';
import { csvRows } from '../support/rows.ts';
import { clientOf, until } from '../support/service.ts';
import { killableService, withTinyModel } from '../support/started-service.ts';

interface Delivery {
  id: number;
  message_id: string;
  event: string;
  status: string;
  attempts: number;
}

describe('a receiver that is away while a run completes', function () {
  this.timeout(240_000);
  const receiver = new Receiver();
  const killable = killableService(async (env) => ({
    ...(await withTinyModel(env)),
    webhooksAllowPrivate: true,
    publicUrl: 'https://mtm.example',
  }));
  after(() => receiver.stop());

  it('hears of it when it is back, although the orchestrator was killed twice meanwhile', async () => {
    // Write no delivery in `transition`: it hears of nothing.
    const apiUrl = await killable.start();
    const service = { apiUrl, ...clientOf(apiUrl) };
    await receiver.start();
    const made = await service.call('POST', '/notification-targets/', {
      kind: 'webhook',
      name: 'hook',
      url: receiver.url,
    });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    await receiver.stop();
    await until('a host', async () => {
      const { status } = await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
      return status < 300 ? true : null;
    });
    const { body: dataset } = await service.upload('rows.csv', csvRows(20));
    const jobs = jobsOf(service, Number(dataset.id));
    const job = await jobs.create({ epochs: 1 });
    const killOrchestrator = async () => {
      const found = await until('an orchestrator', async () => {
        const all = await processesOf(killable.env.home);
        return all.find(({ command }) => /main\.js orchestrator\s*$/.test(command));
      });
      process.kill(found.pid, 'SIGKILL');
    };
    const deliveries = async () =>
      (await service.call('GET', '/notification-deliveries/')).body.items as unknown as Delivery[];
    const all = async (what: string, is: (delivery: Delivery) => boolean) =>
      await until(`every delivery ${what}`, async () => {
        const found = await deliveries();
        return found.length > 0 && found.every(is) ? found : null;
      });

    assert.equal((await jobs.ended(job)).status, 'completed');
    await killOrchestrator();
    await all('to have been tried in vain', ({ attempts }) => attempts > 0);
    await killOrchestrator();
    await receiver.start();
    const done = await all('to have arrived', ({ status }) => status === 'delivered');
    assert.ok(done.some(({ event }) => event === 'run.completed'));
    assert.deepEqual(
      [...new Set(receiver.received.map(({ id }) => id))].sort(),
      done.map(({ message_id }) => message_id).sort(),
      'one id for each, whatever was sent twice',
    );
    for (const received of receiver.received) {
      const { type, data } = verified(received, String(made.body.secret)) as { type: string; data: { url: string } };
      assert.match(type, /^run\.(completed|worse_than_base)$/);
      assert.equal(data.url, `https://mtm.example/jobs/${job}?run=1`);
    }
  });
});
