import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type Server } from 'node:tls';
import { Worker } from '@temporalio/worker';
import { type Env, loadEnv } from '../../../src/platform/env.ts';
import { lazyConnection, workerConnection } from '../../../src/platform/temporal/connection.ts';
import { setUpOutsideTemporal } from '../../../src/platform/temporal/set-up.ts';
import { examine } from '../../../src/processes/doctor.ts';
import { type Authority, type Certificate, makeAuthority } from '../../support/certificates.ts';
import { sharedServers } from '../../support/shared-servers.ts';

const NAMESPACE = `tls-${process.pid}`;
const SYSTEM = { namespace: NAMESPACE };

/**
 * The development server speaks no TLS. Before it stands a proxy that does, and asks for a certificate, as an ingress or the frontend of
 * a real one would: what comes through is HTTP/2 as it was sent.
 */
describe('a Temporal behind TLS', function () {
  this.timeout(60_000);
  let folder: string;
  let ours: Authority;
  let others: Authority;
  let client: Certificate;
  let proxy: Server;
  let env: Env;
  let variables: Record<string, string>;

  /** These alone of the variables of Temporal, while `work` is under way. */
  const having = async <T>(given: Record<string, string>, work: () => Promise<T>): Promise<T> => {
    const ofTemporal = () => Object.entries(process.env).filter(([name]) => name.startsWith('TEMPORAL_'));
    const before = Object.fromEntries(ofTemporal());
    const set = (wanted: NodeJS.ProcessEnv) => {
      for (const [name] of ofTemporal()) delete process.env[name];
      Object.assign(process.env, wanted);
    };
    set(given);
    try {
      return await work();
    } finally {
      set(before);
    }
  };
  const worker = () => workerConnection(env);
  const clientCall = async () => {
    const { connection, close } = lazyConnection(env, { retries: false });
    try {
      return await connection.withDeadline(Date.now() + 5_000, () =>
        connection.workflowService.describeNamespace(SYSTEM),
      );
    } finally {
      await close();
    }
  };
  /** What `mtm doctor` says of Temporal. */
  const doctor = async (given: Record<string, string>) =>
    await having(given, async () => (await examine({ ...env, home: folder })).find(({ what }) => what === 'Temporal'));

  before(async () => {
    const shared = sharedServers();
    assert.ok(shared, 'npm test starts them');
    folder = await mkdtemp(join(tmpdir(), 'mtm-test-'));
    [ours, others] = [await makeAuthority(folder, 'ours'), await makeAuthority(folder, 'others')];
    const server = await ours.sign('server', ['DNS:localhost']);
    client = await ours.sign('worker');
    const [host, port] = shared.temporalAddress.split(':');
    const [cert, key, ca] = await Promise.all([server.cert, server.key, ours.cert].map((file) => readFile(file)));
    proxy = createServer(
      { cert, key, ca, requestCert: true, rejectUnauthorized: true, ALPNProtocols: ['h2'] },
      (socket) => {
        const onward = connect(Number(port), host);
        for (const end of [socket, onward]) end.on('error', () => {});
        socket.pipe(onward).pipe(socket);
        socket.on('close', () => onward.destroy());
      },
    );
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const address = `localhost:${(proxy.address() as AddressInfo).port}`;
    env = { ...loadEnv(), temporalAddress: address, temporalNamespace: NAMESPACE };
    variables = {
      TEMPORAL_TLS: 'true',
      TEMPORAL_TLS_SERVER_CA_CERT_PATH: ours.cert,
      TEMPORAL_TLS_CLIENT_CERT_PATH: client.cert,
      TEMPORAL_TLS_CLIENT_KEY_PATH: client.key,
    };
  });

  after(async () => {
    proxy?.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('is set up, asked and polled with certificates of both sides', async () => {
    // Leave `tls` out of workerConnection, or the TEMPORAL_* variables out of lazyConnection (src/platform/temporal/), and it fails.
    await having(variables, async () => {
      await setUpOutsideTemporal(env, () => {});
      assert.equal((await clientCall()).namespaceInfo?.name, NAMESPACE);
      const connection = await worker();
      const polling = await Worker.create({
        connection,
        namespace: NAMESPACE,
        taskQueue: 'tls',
        activities: { none: async () => {} },
      });
      await polling.runUntil(async () => {
        const { connection: ofClient, close } = lazyConnection(env);
        try {
          const taskQueue = { name: 'tls' };
          for (;;) {
            const { pollers } = await ofClient.workflowService.describeTaskQueue({
              ...SYSTEM,
              taskQueue,
              taskQueueType: 2,
            });
            if ((pollers ?? []).length > 0) return;
          }
        } finally {
          await close();
        }
      });
      await connection.close();
    });
    assert.equal((await doctor(variables))?.state, 'ok');
  });

  it('that is not to be trusted, or does not trust us, is an error which names the setting', async () => {
    // Leave tlsRemedy out of src/platform/temporal/connection.ts, set-up.ts or doctor.ts, and nothing names it.
    const { TEMPORAL_TLS_CLIENT_CERT_PATH: _cert, TEMPORAL_TLS_CLIENT_KEY_PATH: _key, ...withoutOurs } = variables;
    const { TEMPORAL_TLS_SERVER_CA_CERT_PATH: _ca, ...withoutAuthority } = variables;
    for (const [given, sentence] of [
      [
        { ...variables, TEMPORAL_TLS_SERVER_CA_CERT_PATH: others.cert },
        /must be signed by the authority of TEMPORAL_TLS_SERVER_CA_CERT_PATH=\S+others\.crt/,
      ],
      [withoutAuthority, /TEMPORAL_TLS_SERVER_CA_CERT_PATH is not set/],
      [
        { ...variables, TEMPORAL_TLS_SERVER_NAME: 'temporal.example' },
        /be for TEMPORAL_TLS_SERVER_NAME=temporal\.example/,
      ],
      [withoutOurs, /We show no certificate: where it wants one, set TEMPORAL_TLS_CLIENT_CERT_PATH/],
      [{}, /It was asked without TLS: if it wants TLS, set TEMPORAL_TLS=true/],
    ] as [Record<string, string>, RegExp][]) {
      await having(given, async () => {
        await assert.rejects(worker(), sentence);
        await assert.rejects(clientCall());
        const said = await firstNotice();
        assert.match(said, sentence);
      });
      if (given === withoutOurs) assert.match((await doctor(given))?.remedy ?? '', sentence);
    }
  });

  /** The first sentence of a set-up, which then goes on in vain: one that ends does not wait for its time. */
  const firstNotice = () =>
    new Promise<string>((resolve, reject) => {
      setUpOutsideTemporal(env, (sentence) => {
        resolve(sentence);
        throw new Error('That is enough.');
      }).catch(reject);
    });

  it('is not asked with a file that is not there, or with half of a certificate', async () => {
    const missing = { ...variables, TEMPORAL_TLS_SERVER_CA_CERT_PATH: '/none/ca.crt' };
    await having(missing, () =>
      assert.rejects(
        worker(),
        /TEMPORAL_TLS_SERVER_CA_CERT_PATH is \/none\/ca\.crt, which cannot be read \(ENOENT\)\./,
      ),
    );
    const { TEMPORAL_TLS_CLIENT_KEY_PATH: _key, ...half } = variables;
    await having(half, () =>
      assert.rejects(
        worker(),
        /TEMPORAL_TLS_CLIENT_CERT_PATH is set and TEMPORAL_TLS_CLIENT_KEY_PATH is not: .*Set both\./,
      ),
    );
  });

  it('is asked with TLS where there is an API key', async () => {
    const refused = await having({ TEMPORAL_API_KEY: 'key' }, () => worker().catch((error: Error) => error));
    assert.ok(refused instanceof Error, 'a key turns TLS on, whose authority is not known here');
    assert.match(refused.message, /asked with TLS/);
    await having({ ...variables, TEMPORAL_API_KEY: 'key' }, async () => {
      await (await worker()).close();
      assert.equal((await clientCall()).namespaceInfo?.name, NAMESPACE);
    });
  });
});
