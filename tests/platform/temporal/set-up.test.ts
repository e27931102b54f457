import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server, ServerCredentials, type ServiceError, status } from '@grpc/grpc-js';
import { Client, Connection } from '@temporalio/client';
import { TypedSearchAttributes } from '@temporalio/common';
import { tsToMs } from '@temporalio/common/lib/time.js';
import { execa } from 'execa';
import { type Env, loadEnv } from '../../../src/platform/env.ts';
import { choosePort } from '../../../src/platform/ports.ts';
import { setUpOutsideTemporal } from '../../../src/platform/temporal/set-up.ts';
import { startTemporal } from '../../../src/platform/temporal/temporal.ts';
import { ensureTemporalCli } from '../../../src/platform/temporal/temporal-cli.ts';
import { searchAttributeKeys } from '../../../temporal/search-attributes.ts';
import { NamespaceRefused, setUpNamespace } from '../../../temporal/set-up-namespace.ts';
import { testEnv, until } from '../../support/service.ts';
import { sharedServers } from '../../support/shared-servers.ts';

const DAYS_90_MS = 90 * 24 * 3_600_000;

/** For how long a namespace keeps closed workflows. */
async function keptMs(connection: Connection, namespace: string): Promise<number> {
  const { config } = await connection.workflowService.describeNamespace({ namespace });
  assert.ok(config?.workflowExecutionRetentionTtl);
  return tsToMs(config.workflowExecutionRetentionTtl);
}

/** Starts a workflow that has every search attribute of ours, which a server that does not know one of them refuses. */
async function startOne(connection: Connection, namespace: string): Promise<void> {
  const { runId, owner, status: runStatus, trainingType, baseModel, worker } = searchAttributeKeys;
  await new Client({ connection, namespace }).workflow.start('none', {
    taskQueue: 'none',
    workflowId: `none-${randomBytes(4).toString('hex')}`,
    typedSearchAttributes: new TypedSearchAttributes([
      { key: runId, value: 1 },
      { key: owner, value: 'job-1' },
      { key: runStatus, value: 'running' },
      { key: trainingType, value: 'qlora' },
      { key: baseModel, value: 'none' },
      { key: worker, value: 'none' },
    ]),
  });
}

describe('setting up a Temporal of others', function () {
  this.timeout(120_000);
  let env: Env;
  let connection: Connection;

  before(async () => {
    const shared = sharedServers();
    assert.ok(shared, 'npm test starts them');
    // By a name, as in compose: that it leads to several addresses, or slowly to one, must not matter.
    const temporalAddress = `localhost:${shared.temporalAddress.split(':').at(-1)}`;
    const temporalNamespace = `set-up-${randomBytes(6).toString('hex')}`;
    env = { ...(await testEnv()), temporalAddress, temporalNamespace };
    connection = await Connection.connect({ address: shared.temporalAddress });
  });

  after(async () => {
    await connection?.close();
    await rm(env.home, { recursive: true, force: true });
  });

  it('makes the namespace and its search attributes by host name, whoever else does, and can be done again', async () => {
    // Take addSearchAttributes out of temporal/set-up-namespace.ts and it waits in vain; take what follows ensureNamespace
    // out of it and the first workflow is refused for an attribute that the server does not know.
    await Promise.all([setUpOutsideTemporal(env, () => {}), setUpOutsideTemporal(env, () => {})]);
    await startOne(connection, env.temporalNamespace);
    assert.equal(await keptMs(connection, env.temporalNamespace), DAYS_90_MS);
    const said: string[] = [];
    await setUpOutsideTemporal(env, (sentence) => said.push(sentence));
    assert.deepEqual(said, []);
  });

  it('leaves a namespace of others as it is, and says that it keeps too little', async () => {
    const namespace = `of-others-${randomBytes(6).toString('hex')}`;
    const day = { seconds: 86_400 as never };
    await connection.workflowService.registerNamespace({ namespace, workflowExecutionRetentionPeriod: day });
    const said: string[] = [];
    await setUpOutsideTemporal({ ...env, temporalNamespace: namespace }, (sentence) => said.push(sentence));
    assert.equal(await keptMs(connection, namespace), DAYS_90_MS / 90);
    assert.match(said.join('\n'), /keeps closed workflows for 1 days; let it keep them for 90: temporal operator/);
    await startOne(connection, namespace);
  });

  it('refuses search attributes of another type, with the remedy', async () => {
    const namespace = `of-others-${randomBytes(6).toString('hex')}`;
    const day = { seconds: 86_400 as never };
    await connection.workflowService.registerNamespace({ namespace, workflowExecutionRetentionPeriod: day });
    const asKeyword = { namespace, searchAttributes: { MtmRunId: 2 } };
    await until('the namespace to be known', () =>
      connection.operatorService.addSearchAttributes(asKeyword).catch(() => null),
    );
    await assert.rejects(
      setUpOutsideTemporal({ ...env, temporalNamespace: namespace }, () => {}),
      /MtmRunId has to be Int\. Set TEMPORAL_NAMESPACE .*search-attribute remove .*--name MtmRunId/,
    );
  });
});

describe('a Temporal that is away while it is set up', function () {
  this.timeout(120_000);

  it('is waited for: what keeps it is said, and it is set up once it is there', async () => {
    const env = await testEnv();
    const port = await choosePort(0);
    const said: string[] = [];
    const settingUp = setUpOutsideTemporal(
      { ...env, temporalAddress: `localhost:${port}`, temporalNamespace: 'later' },
      (sentence) => said.push(sentence),
    );
    await until('the first failure to be reported', async () => (said.length > 0 ? true : null));
    assert.match(String(said[0]), /^Temporal's namespace later cannot be used yet: .*ECONNREFUSED/);
    const server = await startTemporal({ ...env, port, uiPort: 0, namespace: 'default', onProgress: () => {} });
    const connection = await Connection.connect({ address: server.address });
    try {
      await settingUp;
      await startOne(connection, 'later');
    } finally {
      await connection.close();
      await server.stop();
      await rm(env.home, { recursive: true, force: true });
    }
  });

  it('is given up with the last failure', async () => {
    const { home } = await testEnv();
    const address = `localhost:${await choosePort(0)}`;
    const connect = async () => {
      const connection = await Connection.connect({ address, connectTimeout: 200 });
      return { connection, close: () => connection.close() };
    };
    await assert.rejects(
      setUpNamespace({ namespace: 'none', isOurs: false, timeoutMs: 300, connect, onNotice: () => {} }),
      /Temporal's namespace none cannot be used yet: /,
    );
    await rm(home, { recursive: true, force: true });
  });
});

describe('the local Temporal', function () {
  this.timeout(120_000);

  it('gets what an earlier version did not give its namespace: 90 days for closed workflows, search attributes', async () => {
    // Let isOurs be false in src/platform/temporal/temporal.ts and they are kept for a day, as the server itself would have it.
    const home = await mkdtemp(join(tmpdir(), 'mtm-test-'));
    const { toolsDir } = loadEnv();
    const cli = await ensureTemporalCli(toolsDir, () => {});
    const [port, metricsPort] = [await choosePort(0), await choosePort(0)];
    const flags = ['--headless', '--port', `${port}`, '--metrics-port', `${metricsPort}`, '--namespace', 'ours'];
    const args = ['server', 'start-dev', '--db-filename', join(home, 'temporal.db'), ...flags];
    const earlier = execa(cli.path, args, { reject: false, stdout: 'ignore', stderr: 'ignore' });
    const before = Connection.lazy({ address: `127.0.0.1:${port}` });
    try {
      await until('the earlier one to answer', () => keptMs(before, 'ours').catch(() => null));
      assert.equal(await keptMs(before, 'ours'), 24 * 3_600_000);
    } finally {
      await before.close();
      earlier.kill('SIGTERM');
      await earlier;
    }
    const server = await startTemporal({ home, toolsDir, port: 0, uiPort: 0, namespace: 'ours', onProgress: () => {} });
    const connection = await Connection.connect({ address: server.address });
    try {
      assert.equal(await keptMs(connection, 'ours'), DAYS_90_MS);
      await startOne(connection, 'ours');
    } finally {
      await connection.close();
      await server.stop();
      await rm(home, { recursive: true, force: true });
    }
  });
});

/** Temporal Cloud, of which only the answers matter: it lets no client register a namespace or a search attribute. */
describe('a Temporal that does not let us', function () {
  this.timeout(60_000);
  const failure = (code: status, details: string) => ({ code, details }) as ServiceError;
  const refusal = failure(status.PERMISSION_DENIED, 'Request unauthorized.');
  /** What each call is answered with: errors one after another, or else an empty message. */
  let answers: Record<string, ServiceError[]>;
  let asked: string[];
  let server: Server;
  let env: Env;

  before(async () => {
    server = new Server();
    const raw = { requestStream: false, responseStream: false } as const;
    const pass = (value: Buffer) => value;
    const asItIs = {
      requestSerialize: pass,
      requestDeserialize: pass,
      responseSerialize: pass,
      responseDeserialize: pass,
    };
    for (const [service, methods] of Object.entries({
      'temporal.api.workflowservice.v1.WorkflowService': [
        ...['DescribeNamespace', 'RegisterNamespace', 'CountWorkflowExecutions'],
      ],
      'temporal.api.operatorservice.v1.OperatorService': ['ListSearchAttributes', 'AddSearchAttributes'],
    })) {
      const definition = Object.fromEntries(
        methods.map((method) => [method, { path: `/${service}/${method}`, ...raw, ...asItIs }]),
      );
      const handlers = Object.fromEntries(
        methods.map((method) => [
          method,
          (_: unknown, done: (error: ServiceError | null, value?: Buffer) => void) => {
            asked.push(method);
            const error = answers[method]?.shift();
            if (error) done(error);
            else done(null, Buffer.alloc(0));
          },
        ]),
      );
      server.addService(definition, handlers);
    }
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      ),
    );
    env = { ...(await testEnv()), temporalAddress: `localhost:${port}`, temporalNamespace: 'cloud' };
  });

  beforeEach(() => {
    asked = [];
  });

  after(async () => {
    server.forceShutdown();
    await rm(env.home, { recursive: true, force: true });
  });

  it('is used where its namespace and search attributes are there', async () => {
    answers = { RegisterNamespace: [refusal], ListSearchAttributes: [refusal], AddSearchAttributes: [refusal] };
    await setUpOutsideTemporal(env, () => {});
    assert.deepEqual(asked, ['DescribeNamespace', 'CountWorkflowExecutions']);
  });

  it('is waited for while it does not know the search attributes that it was given', async () => {
    // Let tryToSetUp return once they are added and runs are dispatched, and refused, in the meantime.
    const unknown = failure(status.INVALID_ARGUMENT, 'MtmRunId is not a valid search attribute');
    answers = { CountWorkflowExecutions: [unknown, unknown, unknown] };
    const said: string[] = [];
    await setUpOutsideTemporal(env, (sentence) => said.push(sentence));
    assert.equal(asked.filter((method) => method === 'CountWorkflowExecutions').length, 4);
    assert.match(said.join('\n'), /The server takes a moment to know its new search attributes\./);
  });

  it('gives the remedy where the namespace is missing', async () => {
    answers = {
      DescribeNamespace: [failure(status.NOT_FOUND, 'Namespace cloud is not found.')],
      RegisterNamespace: [refusal],
    };
    await assert.rejects(
      setUpOutsideTemporal(env, () => {}),
      (error: Error) =>
        error instanceof NamespaceRefused &&
        /no namespace cloud.*unauthorized\. Temporal Cloud lets no client register namespaces: make it in its console, with a retention of 90 days/.test(
          error.message,
        ),
    );
  });

  it('gives the remedy where a search attribute is missing', async () => {
    answers = {
      CountWorkflowExecutions: [failure(status.INVALID_ARGUMENT, 'MtmRunId is not a valid search attribute')],
      AddSearchAttributes: [refusal],
    };
    await assert.rejects(
      setUpOutsideTemporal(env, () => {}),
      /does not let us add search attributes to namespace cloud: Request unauthorized\. .*search-attribute create --namespace cloud --name MtmRunId --type Int --name MtmOwner/,
    );
  });
});
