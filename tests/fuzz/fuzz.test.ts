import assert from 'node:assert/strict';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { bearer } from '../support/api-keys.ts';
import { csvRows } from '../support/rows.ts';
import { type OutsideServers, startOutsideServers } from '../support/servers.ts';
import { clientOf, startServiceWithServers, type TestService, TINY_MODEL, until } from '../support/service.ts';
import { ensureSchemathesis, fuzz } from './schemathesis.ts';

const SEED = argument('seed') ?? '4';
/** Of each operation; among all tests fewer than by `npm run test:fuzz`. */
const EXAMPLES = argument('max-examples') ?? '3';
/** Without one the fuzzer would make the first key by itself, and be shut out by it. */
const KEY = 'a long random key of the fuzzer that is in the settings'.replaceAll(' ', '-');

function argument(name: string): string | undefined {
  const start = `--${name}=`;
  return process.argv.find((given) => given.startsWith(start))?.slice(start.length);
}

/** The OpenAPI document against the running service: schemathesis sends what it allows and what it does not. */
describe('a fuzzer', function () {
  this.timeout(900_000);
  let python: string;
  let servers: OutsideServers;
  let service: TestService;
  let remove: () => Promise<void>;

  before(async () => {
    python = await ensureSchemathesis();
    servers = await startOutsideServers();
    const { databaseUrl, temporalAddress } = servers;
    const settings = { databaseUrl, temporalAddress, apiKeys: [KEY] };
    ({ service, remove } = await startServiceWithServers(settings));
    service = { ...service, ...clientOf(service.apiUrl, { ...bearer(KEY) }) };
    for (let i = 0; i < 3; i++) await service.upload(`rows-${i}.csv`, csvRows(40, `set ${i}`));
    // One of each that has everything: a curve, checkpoints, logs, an output.
    await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
    const chosen = { training_type: 'qlora', epochs: 1, max_length: 64, lora_r: 4 };
    const traits = [{ trait_type: 'coding', datasets: [{ dataset_id: 1, percentage: 100 }] }];
    await service.call('POST', '/jobs/', { name: 'done', dataset_id: 1, model_name: TINY_MODEL, ...chosen });
    await service.call('POST', '/projects/', {
      ...{ name: 'done', base_model: TINY_MODEL, output_directory: 'done', traits },
      ...chosen,
    });
    await service.call('POST', '/projects/1/start');
    for (const path of ['/jobs/1', '/projects/1']) await untilCompleted(path);
  });

  after(async () => {
    await remove?.();
    await servers?.remove();
  });

  async function untilCompleted(path: string): Promise<void> {
    await until(`${path} to be completed`, async () => {
      const { body } = await service.call('GET', path);
      assert.notEqual(body.status, 'failed', String(body.error_message));
      return body.status === 'completed' ? true : null;
    });
  }

  const run = (config: string, ...args: string[]) => runOn('/api/v1', config, ...args);

  async function runOn(wire: string, config: string, ...args: string[]) {
    const { apiUrl, env } = service;
    const scratch = await mkdtemp(join(env.home, 'fuzz-'));
    const report = await fuzz(python, { apiUrl, wire, config, scratch, key: KEY, args: ['--seed', SEED, ...args] });
    console.log(`      ${report.requests} requests to ${report.operations} operations`);
    // As its message: of values that differ, mocha shows the beginning alone.
    assert.ok(report.found === '', report.found.slice(report.found.indexOf('= FAILURES')));
    return report;
  }

  /** Without a server. Each request waits until the API has given it up, so a process for each part of the operations. */
  async function runAway(left = '^$') {
    await Promise.all([
      run('away.toml', '--include-path-regex', '/jobs', '--exclude-path-regex', left),
      run('away.toml', '--include-path-regex', '/projects', '--exclude-path-regex', left),
      run('away.toml', '--exclude-path-regex', `/jobs|/projects|${left}`),
    ]);
  }

  it('finds nothing', async () => {
    const { requests } = await run('schemathesis.toml', '--max-examples', EXAMPLES);
    assert.ok(requests >= 1_500, `${requests} requests`);
  });

  it("finds nothing in what is there for OpenAI's clients", async () => {
    const { requests } = await runOn('/v1', 'schemathesis.toml', '--max-examples', EXAMPLES);
    assert.ok(requests >= 500, `${requests} requests`);
  });

  /** A job is taken, started, and ends with its sentence: by the same processes that were there before. */
  async function expectService(): Promise<void> {
    await until('the API to be healthy', async () =>
      (await service.call('GET', '/health')).body.status === 'healthy' ? true : null,
    );
    await service.call('PATCH', '/config/', { max_concurrent_workers: 4 });
    await service.call('POST', '/workers/', { action: 'stop' });
    assert.equal((await service.call('POST', '/workers/', { action: 'start', worker_count: 1 })).status, 200);
    const { body } = await service.upload('after.csv', csvRows(20));
    // The type as well: the fuzzer may have made another one the default.
    const asked = { name: 'after', dataset_id: body.id, model_name: 'none/such', training_type: 'lora' };
    const job = await service.call('POST', '/jobs/', asked);
    assert.equal(job.status, 201, JSON.stringify(job.body));
    await until('the job to end', async () => {
      const { status, error_message } = (await service.call('GET', `/jobs/${job.body.id}`)).body;
      if (status !== 'failed') return null;
      assert.match(String(error_message), /none\/such is not in the cache/);
      return true;
    });
  }

  it('gets 503 and never waits while PostgreSQL is away; then all works again', async () => {
    await servers.postgres.stop();
    try {
      const { body } = await service.call('GET', '/health');
      assert.deepEqual(body.components, { database: 'down', temporal: 'up' });
      assert.equal((await service.call('GET', '/jobs/')).status, 503);
      await runAway();
    } finally {
      await servers.postgres.start();
    }
    await expectService();
  });

  it('gets 503 and never waits while Temporal is away; then all works again', async () => {
    await servers.temporal.stop();
    try {
      const { body } = await service.call('GET', '/health');
      assert.deepEqual(body.components, { database: 'up', temporal: 'down' });
      assert.equal((await service.call('POST', '/workers/', { action: 'stop' })).status, 503);
      // What happens to a run that cannot start is told when it happens: such a stream has no end.
      await runAway('events$');
    } finally {
      await servers.temporal.start();
    }
    await expectService();
  });
});
