import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type Metadata, Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js';
import { connectOrchestration, OrchestrationUnavailableError } from '../../../src/commands/workflows/client.ts';
import { choosePort } from '../../../src/platform/ports.ts';
import { testEnv } from '../../support/service.ts';

describe('the client of Temporal', () => {
  // Take `untilClosed` out of src/platform/temporal/connection.ts, and a retry that nobody can catch ends this process.
  it('closes while its calls wait for another try', async () => {
    const temporalAddress = `127.0.0.1:${await choosePort(0)}`;
    const orchestration = connectOrchestration({ ...(await testEnv()), temporalAddress });
    const calls = Array.from({ length: 8 }, () => orchestration.isHealthy());
    // Refused at once: from here on, nearly all the time of a call is waiting for its next try.
    await setTimeout(400);
    await orchestration.close();
    assert.deepEqual(new Set(await Promise.all(calls)), new Set([false]));
  });

  // Call `method` of src/platform/temporal/deadlines.ts without withDeadline, and both wait for ever.
  it('gives each of the calls under way its own deadline', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const orchestration = connectOrchestration({ ...(await testEnv()), temporalAddress: `127.0.0.1:${port}` });
    try {
      const fromMs = performance.now();
      const cancel = assert.rejects(orchestration.cancelTraining('job-1-run-1'), OrchestrationUnavailableError);
      assert.equal(await orchestration.isHealthy(), false);
      const pingMs = performance.now() - fromMs;
      await cancel;
      const cancelMs = performance.now() - fromMs;
      assert.ok(pingMs >= 1_400 && pingMs < cancelMs - 1_000, `${pingMs} and ${cancelMs} ms`);
      assert.ok(cancelMs >= 4_900, `${cancelMs} ms`);
    } finally {
      await orchestration.close();
      silent.close();
    }
  });

  // Take withoutAsyncContext out of src/platform/temporal/connection.ts, and Node follows all promises from the first call on.
  it('says deadline and namespace with each call, and has Node follow no promises for it', async () => {
    const said = new Map<string, { deadlineMs: number; metadata: Metadata }>();
    const server = new Server();
    for (const method of ['GetSystemInfo', 'RequestCancelWorkflowExecution']) {
      const path = `/temporal.api.workflowservice.v1.WorkflowService/${method}`;
      const asIs = (bytes: Buffer) => bytes;
      server.register<Buffer, Buffer>(
        path,
        (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => {
          said.set(method, { deadlineMs: Number(call.getDeadline()), metadata: call.metadata });
          answer(null, Buffer.alloc(0));
        },
        asIs,
        asIs,
        'unary',
      );
    }
    const bind = promisify(server.bindAsync.bind(server));
    const port = await bind('127.0.0.1:0', ServerCredentials.createInsecure());
    const env = { ...(await testEnv()), temporalAddress: `127.0.0.1:${port}`, temporalNamespace: 'of-this-test' };
    const orchestration = connectOrchestration(env);
    const { run } = AsyncLocalStorage.prototype;
    let uses = 0;
    AsyncLocalStorage.prototype.run = function (this: AsyncLocalStorage<unknown>, ...args: Parameters<typeof run>) {
      uses++;
      return run.apply(this, args);
    } as typeof run;
    try {
      const fromMs = Date.now();
      assert.deepEqual(await Promise.all([orchestration.cancelTraining('job-1-run-1'), orchestration.isHealthy()]), [
        true,
        true,
      ]);
      const found = ['GetSystemInfo', 'RequestCancelWorkflowExecution'].map((method) => said.get(method));
      const [ping, cancel] = found.map((call) => (call?.deadlineMs ?? Number.NaN) - fromMs);
      assert.ok(Math.abs((ping ?? 0) - 1_500) < 1_000, `${ping} ms`);
      assert.ok(Math.abs((cancel ?? 0) - 5_000) < 1_000, `${cancel} ms`);
      assert.deepEqual(
        found.map((call) => call?.metadata.get('temporal-namespace')),
        [[], ['of-this-test']],
      );
      assert.equal(uses, 0);
    } finally {
      AsyncLocalStorage.prototype.run = run;
      await orchestration.close();
      server.forceShutdown();
    }
  });
});
