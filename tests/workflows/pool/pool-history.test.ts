import assert from 'node:assert/strict';
import type { Client } from '@temporalio/client';
import {
  balanceWorkersUpdate,
  ORCHESTRATION_QUEUE,
  type PoolInput,
  WORKER_POOL_ID,
} from '../../../src/workflows/contract.ts';
import type { workerPoolWorkflow } from '../../../src/workflows/index.ts';
import { settledPool } from '../../support/hosts.ts';
import { startTestService, type TestService, temporalClientOf } from '../../support/service.ts';

/** Fewer than two commands leave. */
const SHORT: PoolInput = { mostHistoryEvents: 20 };
const ROUNDS = 6;
/** Three at a time; the next three come while a new history begins. */
const AT_ONCE = 3;

describe('the workflow of the pool', function () {
  this.timeout(180_000);
  let service: TestService;
  let remove: () => Promise<void>;
  let client: Client;

  before(async () => {
    ({ service, remove } = await startTestService());
    client = await temporalClientOf(service);
  });

  after(async () => {
    await client?.connection.close();
    await remove?.();
  });

  it('begins a new history again and again, and does each command that comes meanwhile once', async () => {
    // Take `&& allHandlersFinished()` out of src/workflows/pool/worker-pool.ts and commands fail that were under way.
    await client.workflow.start<typeof workerPoolWorkflow>('workerPoolWorkflow', {
      workflowId: WORKER_POOL_ID,
      taskQueue: ORCHESTRATION_QUEUE,
      args: [SHORT],
    });
    const handle = client.workflow.getHandle(WORKER_POOL_ID);
    for (let round = 0; round < ROUNDS; round++)
      await Promise.all(Array.from({ length: AT_ONCE }, () => handle.executeUpdate(balanceWorkersUpdate)));
    const started = await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
    assert.equal(started.status, 200, JSON.stringify(started.body));
    await settledPool(service, 1);
    assert.equal((await service.call('POST', '/workers/', { action: 'stop' })).status, 200);
    await settledPool(service);

    let histories = 0;
    let balanced = 0;
    for (let runId: string | null | undefined = (await handle.describe()).runId; runId; histories++) {
      const history = await client.workflow.getHandle(WORKER_POOL_ID, runId).fetchHistory();
      const events: NonNullable<typeof history.events> = history.events ?? [];
      const scheduled = events.map((event) => event.activityTaskScheduledEventAttributes?.activityType?.name);
      balanced += scheduled.filter((name) => name === 'planPoolBalance').length;
      runId = events[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId;
    }
    assert.equal(balanced, ROUNDS * AT_ONCE);
    assert.ok(histories >= ROUNDS, `${histories} histories`);
  });
});
