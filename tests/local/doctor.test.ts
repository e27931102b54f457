import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import type { Env } from '../../src/env.ts';
import { examine } from '../../src/local/doctor.ts';
import { testEnv } from '../support/service.ts';

describe('the doctor', function () {
  this.timeout(120_000);
  let env: Env;

  beforeEach(async () => {
    env = await testEnv();
  });

  afterEach(() => rm(env.home, { recursive: true, force: true }));

  const find = async (what: string, changed: Partial<Env>) => {
    const finding = (await examine({ ...env, ...changed })).find((candidate) => candidate.what === what);
    assert.ok(finding, what);
    return finding;
  };

  it('finds nothing that keeps the service from starting where the tests run', async () => {
    const findings = await examine(env);
    assert.deepEqual(
      findings.filter(({ state }) => state === 'no'),
      [],
    );
  });

  it('names a port that is taken, and the variable that moves it', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const { state, remedy } = await find('Port, Temporal', { temporalPort: port });
    server.close();
    assert.equal(state, 'no');
    assert.match(remedy ?? '', /MTM_TEMPORAL_PORT/);
  });

  it('tries outside servers', async () => {
    const postgres = await find('PostgreSQL', { databaseUrl: 'postgres://mtm@127.0.0.1:1/mtm' });
    assert.equal(postgres.state, 'no');
    assert.match(postgres.remedy ?? '', /DATABASE_URL cannot be used: .*ECONNREFUSED/);
    const temporal = await find('Temporal', { temporalAddress: '127.0.0.1:1' });
    assert.equal(temporal.state, 'no');
    assert.match(temporal.remedy ?? '', /TEMPORAL_ADDRESS 127\.0\.0\.1:1, namespace default, cannot be used/);
  });

  it('names a home that cannot be written', async () => {
    await writeFile(join(env.home, 'file'), '');
    const { state } = await find('MTM_HOME', { home: join(env.home, 'file', 'home') });
    assert.equal(state, 'no');
  });
});
