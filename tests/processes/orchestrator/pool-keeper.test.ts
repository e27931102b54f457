import assert from 'node:assert/strict';
import { connectOrchestration, type Orchestration } from '../../../src/commands/workflows/client.ts';
import { Host } from '../../../src/models/pool/host.ts';
import { markLostWorkers } from '../../../src/models/pool/lost-workers.ts';
import { newWorker, Worker } from '../../../src/models/pool/worker.ts';
import { createLogger } from '../../../src/platform/logger.ts';
import { PoolKeeper } from '../../../src/processes/orchestrator/pool-keeper.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { testEnv } from '../../support/service.ts';

const ago = (seconds: number) => new Date(Date.now() - seconds * 1_000);

describe('the keeper of the pool', function () {
  this.timeout(30_000);
  let database: TestDatabase;
  let orchestration: Orchestration;

  before(async () => {
    database = await startTestDatabase();
    orchestration = connectOrchestration({ ...(await testEnv()), temporalAddress: '127.0.0.1:1' });
    for (const name of ['silent', 'there'])
      await Host.report({ name, agentPid: 1, devices: ['cpu'], startedAt: ago(600) });
    await Host.update({ heartbeat_at: ago(60) }, { where: { name: 'silent' } });
    const worker = (id: string, host: string, heartbeat_at: Date) =>
      Worker.create({ ...newWorker(id, host), status: 'busy', pid: 1, heartbeat_at });
    await worker('silent-too', 'silent', ago(60));
    await worker('reports', 'silent', ago(2));
    await worker('on-a-host-that-reports', 'there', ago(60));
  });

  after(async () => {
    await orchestration?.close();
    await database?.remove();
  });

  const lost = async () => (await Worker.findAll({ where: { status: 'error' } })).map(({ id }) => id);

  it('takes nobody for lost when it has just begun to look: after an outage nobody could report', async () => {
    // Take the return before markLostWorkers out of src/processes/orchestrator/pool-keeper.ts.
    const keeper = new PoolKeeper(orchestration, createLogger('test', 'silent'));
    await keeper.look();
    await keeper.look();
    assert.deepEqual(await lost(), []);
  });

  it('takes a worker for lost when neither its host nor itself reports', async () => {
    // Take the last condition out of src/models/pool/lost-workers.ts and the one that reports is lost, too.
    assert.deepEqual(await markLostWorkers(), ['silent-too']);
    assert.deepEqual([await markLostWorkers(), await lost()], [[], ['silent-too']]);
    const worker = await Worker.findByPk('silent-too', { rejectOnEmpty: true });
    assert.deepEqual([worker.desired, worker.current_run_id], ['running', null]);
    assert.match(String(worker.reason), /^Host silent has not reported since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\./);
  });
});
