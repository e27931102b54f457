import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { settledPool } from '../../support/hosts.ts';
import { processesOf } from '../../support/processes.ts';
import { startServiceWithServers, type TestService, until } from '../../support/service.ts';

/** Each long-lived process of the service, by its command line. */
const PROCESSES: Record<string, RegExp> = {
  PostgreSQL: /postgres -D /,
  Temporal: /temporal server start-dev/,
  'the API': /main\.js api/,
  'the orchestrator': /main\.js orchestrator/,
  'the host agent': /main\.js host/,
};

describe('a service of which one process is killed', function () {
  this.timeout(120_000);
  let service: TestService;
  let remove: () => Promise<void>;

  before(async () => {
    ({ service, remove } = await startServiceWithServers());
  });

  after(async () => {
    await remove?.();
    assert.deepEqual(await processesOf(service.env.home), [], 'nothing is left');
  });

  it('answers whoever asks while the API is started again', async () => {
    const api = (await processesOf(service.env.home)).find(({ command }) => / api$/.test(command.trim()));
    assert.ok(api);
    const killedAt = Date.now();
    process.kill(api.pid, 'SIGKILL');
    // Until the kernel has taken the killed process apart, its port refuses.
    let refusedForMs = 0;
    const ask = async () =>
      await Promise.all(Array.from({ length: 20 }, () => fetch(`${service.apiUrl}/api/v1/health`)));
    const answers = await until('answers', async () =>
      ask().catch(() => {
        refusedForMs = Date.now() - killedAt;
        return null;
      }),
    );
    const awayForMs = Date.now() - killedAt;
    assert.ok(answers.every(({ status }) => status === 200));
    // Take the StandIn out of src/processes/start/start.ts, and nobody listens until the next one answers.
    assert.ok(refusedForMs < awayForMs / 2, `refused for ${refusedForMs} of ${awayForMs} ms`);
  });

  for (const [name, pattern] of Object.entries(PROCESSES)) {
    it(`starts ${name} again`, async () => {
      // Take startAgain out of keepRunning (src/processes/start/start.ts), or #restart out of ServiceProcess, and it stays away.
      // The oldest of those that match: PostgreSQL's own children look alike.
      const find = async () => (await processesOf(service.env.home)).find(({ command }) => pattern.test(command))?.pid;
      const pid = await find();
      assert.ok(pid, `${name} runs`);
      process.kill(pid, 'SIGKILL');
      const next = await until(`${name} to run again`, async () => {
        const found = await find();
        return found === pid ? null : found;
      });
      assert.notEqual(next, pid);
      await until('the service to be healthy', async () => {
        const answer = await service.call('GET', '/health').catch(() => null);
        return answer?.body.status === 'healthy' ? answer : null;
      });
      // With a key: while the orchestrator starts, an answer 503 does not say that nothing will be done.
      const key = { 'Idempotency-Key': randomUUID() };
      await until('workers to start', async () => {
        const answer = await service.call('POST', '/workers/', { action: 'start', worker_count: 1 }, key);
        return answer.status === 200 ? true : null;
      });
      await settledPool(service, 1);
      await service.call('POST', '/workers/', { action: 'stop' });
      await settledPool(service);
    });
  }
});
