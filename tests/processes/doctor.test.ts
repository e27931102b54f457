import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import type { Env } from '../../src/platform/env.ts';
import { noteService } from '../../src/platform/service-file.ts';
import { examine } from '../../src/processes/doctor.ts';
import { testEnv } from '../support/service.ts';
import { sharedServers } from '../support/shared-servers.ts';

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

  it('finds nothing wrong with a port that the service itself has', async () => {
    // Do not ask findService in ports (src/processes/doctor.ts), and a service that is well is told to end.
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const service = await noteService(env.home, { url: `http://127.0.0.1:${port}`, temporal_ui_url: null });
    const { state, detail } = await find('Port, API', { port });
    await service.remove();
    server.close();
    assert.equal(state, 'ok');
    assert.match(detail, /of the service that runs \(process \d+\)/);
  });

  it('tries outside servers', async () => {
    const postgres = await find('PostgreSQL', { databaseUrl: 'postgres://mtm@127.0.0.1:1/mtm' });
    assert.equal(postgres.state, 'no');
    assert.match(postgres.remedy ?? '', /DATABASE_URL cannot be used: .*ECONNREFUSED/);
    const store = await find('Store', { storeUrl: 's3://runs', storeEndpoint: 'http://127.0.0.1:1' });
    assert.equal(store.state, 'no');
    assert.match(store.remedy ?? '', /The store s3:\/\/runs: .*(ECONNREFUSED|AWS_ACCESS_KEY_ID)/);
    const temporal = await find('Temporal', { temporalAddress: '127.0.0.1:1' });
    assert.equal(temporal.state, 'no');
    assert.match(temporal.remedy ?? '', /TEMPORAL_ADDRESS 127\.0\.0\.1:1, namespace default, cannot be used/);
  });

  it('asks torch for the GPUs that it is to train on, and has the remedy where torch cannot use them', async () => {
    // Return what nvidia-smi lists before torch is asked (`gpu`, src/processes/doctor.ts) and all looks well.
    const given = await find('GPU', { devices: ['cuda:97'] });
    assert.equal(given.state, 'no');
    assert.match(
      given.remedy ?? '',
      /^torch \S+ can use 0 of 1 GPU\(s\) \(cuda:97\).*MTM_PIP_ARGS.*docker-compose\.gpu/,
    );
    const none = await find('GPU', { devices: ['cpu'] });
    assert.deepEqual([none.state, none.detail], ['ok', 'none: training runs on the CPU']);
  });

  it('takes a Temporal without our namespace for one that gets it at the start', async () => {
    const { temporalAddress } = sharedServers() ?? {};
    const { state, detail } = await find('Temporal', { temporalAddress, temporalNamespace: 'nobody-made-it' });
    assert.equal(state, 'ok', detail);
    assert.match(detail, /it answers; its namespace nobody-made-it is made at the start/);
  });

  it('names a home that cannot be written', async () => {
    await writeFile(join(env.home, 'file'), '');
    const { state } = await find('MTM_HOME', { home: join(env.home, 'file', 'home') });
    assert.equal(state, 'no');
  });
});
