import assert from 'node:assert/strict';
import { Client, Connection } from '@temporalio/client';
import { Op } from 'sequelize';
import type { Env } from '../../src/env.ts';
import { choosePort } from '../../src/local/ports.ts';
import { type LocalTemporal, startTemporal } from '../../src/local/temporal.ts';
import { Run } from '../../src/models/run.ts';
import { transition } from '../../src/models/transition.ts';
import { Dispatcher } from '../../src/workers/dispatcher.ts';
import { connectOrchestration, type Orchestration, OrchestrationUnavailableError } from '../../src/workflows/client.ts';
import { startTestDatabase, type TestDatabase } from '../support/database.ts';
import { buildRun } from '../support/runs.ts';
import { testEnv } from '../support/service.ts';

describe('the dispatcher', function () {
  this.timeout(120_000);
  let env: Env;
  let database: TestDatabase;
  let temporal: LocalTemporal | undefined;
  let orchestration: Orchestration;
  let dispatcher: Dispatcher;

  before(async () => {
    database = await startTestDatabase();
    const [temporalPort, temporalUiPort] = [await choosePort(0), await choosePort(0)];
    env = {
      ...(await testEnv()),
      home: database.home,
      temporalPort,
      temporalUiPort,
      temporalAddress: `127.0.0.1:${temporalPort}`,
    };
    orchestration = connectOrchestration(env);
    dispatcher = new Dispatcher(orchestration);
  });
  after(async () => {
    await orchestration?.close();
    await temporal?.stop();
    await database?.remove();
  });

  const startServer = () =>
    startTemporal({
      ...env,
      port: env.temporalPort,
      uiPort: env.temporalUiPort,
      namespace: 'default',
      onProgress: () => {},
    });

  async function workflowsOf(run: Run): Promise<string[]> {
    const connection = await Connection.connect({ address: env.temporalAddress ?? '' });
    try {
      const { status, runId } = await new Client({ connection }).workflow.getHandle(run.workflow_id).describe();
      return [status.name, runId];
    } finally {
      await connection.close();
    }
  }

  it('keeps runs pending while Temporal is down, and starts each once when it is back', async () => {
    // Let trainingsOf (src/workflows/training-client.ts) refuse a workflow that is there, by its conflict policy and in
    // `start`, and the second start fails.
    const runs = [await buildRun(database), await buildRun(database), await buildRun(database)];
    await assert.rejects(dispatcher.sweep(), OrchestrationUnavailableError);
    for (const run of runs) assert.deepEqual([(await run.reload()).status, run.workflow_started_at], ['pending', null]);

    temporal = await startServer();
    await dispatcher.sweep();
    const started = await Promise.all(runs.map(workflowsOf));
    for (const [i, run] of runs.entries()) {
      assert.equal(started[i]?.[0], 'RUNNING');
      assert.notEqual((await run.reload()).workflow_started_at, null);
    }

    // As after a crash between the start and the note of it.
    const [first] = runs;
    assert.ok(first);
    await first.update({ workflow_started_at: null });
    await dispatcher.sweep();
    assert.deepEqual(await workflowsOf(first), started[0]);
  });

  it('carries a cancel over to the workflow', async () => {
    const run = await buildRun(database);
    await dispatcher.sweep();
    await transition({ runId: run.id, to: 'cancelled', phase: 'finished' });
    await dispatcher.sweep();
    const connection = await Connection.connect({ address: env.temporalAddress ?? '' });
    const { events } = await new Client({ connection }).workflow.getHandle(run.workflow_id).fetchHistory();
    await connection.close();
    assert.ok(events?.some((event) => event.workflowExecutionCancelRequestedEventAttributes));
  });

  it('starts nothing for a run that was cancelled before', async () => {
    const run = await buildRun(database);
    await transition({ runId: run.id, to: 'cancelled', phase: 'finished' });
    await dispatcher.sweep();
    assert.equal((await run.reload()).workflow_started_at, null);
  });

  it('starts few runs while many are being created, and all of them afterwards', async () => {
    const runs: Run[] = [];
    for (let i = 0; i < 15; i++) runs.push(await buildRun(database));
    const ids = runs.map(({ id }) => id);
    // Created at once, by the database's clock, however long this test took for it.
    await database.sequelize.query('UPDATE runs SET created_at = now() WHERE id IN (:ids)', { replacements: { ids } });
    const started = () => Run.count({ where: { id: ids, workflow_started_at: { [Op.ne]: null } } });
    await dispatcher.sweep();
    assert.equal(await started(), 1);

    await database.sequelize.query(`UPDATE runs SET created_at = now() - interval '2 seconds'`);
    await dispatcher.sweep();
    assert.equal(await started(), runs.length);
  });
});
