import assert from 'node:assert/strict';
import { Client, Connection } from '@temporalio/client';
import {
  connectOrchestration,
  type Orchestration,
  OrchestrationUnavailableError,
} from '../../../src/commands/workflows/client.ts';
import { admitNext } from '../../../src/models/runs/line.ts';
import { Run } from '../../../src/models/runs/run.ts';
import { RunEvent } from '../../../src/models/runs/run-event.ts';
import { readStream, STREAM_START } from '../../../src/models/runs/run-stream.ts';
import { noteTrouble } from '../../../src/models/runs/run-trouble.ts';
import { transition } from '../../../src/models/runs/transition.ts';
import type { Env } from '../../../src/platform/env.ts';
import { createLogger } from '../../../src/platform/logger.ts';
import { choosePort } from '../../../src/platform/ports.ts';
import { type LocalTemporal, startTemporal } from '../../../src/platform/temporal/temporal.ts';
import { Dispatcher } from '../../../src/processes/orchestrator/dispatcher.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { addWorkers, buildRun } from '../../support/runs.ts';
import { testEnv } from '../../support/service.ts';

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
    dispatcher = new Dispatcher(env, orchestration, createLogger('dispatcher', 'silent'));
    // So many that every run of these tests may begin.
    await addWorkers(40);
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
    // Let trainingsOf (src/commands/workflows/training-client.ts) refuse a workflow that is there, by its conflict policy and in
    // `start`, and the second start fails.
    const runs = [await buildRun(database), await buildRun(database), await buildRun(database)];
    await assert.rejects(dispatcher.sweep(), OrchestrationUnavailableError);
    for (const run of runs) assert.deepEqual([(await run.reload()).status, run.workflow_started_at], ['pending', null]);
    assert.equal(runs[0]?.waiting_for, 'Temporal does not answer. The run begins when it does.');

    temporal = await startServer();
    await dispatcher.sweep();
    const started = await Promise.all(runs.map(workflowsOf));
    for (const [i, run] of runs.entries()) {
      assert.equal(started[i]?.[0], 'RUNNING');
      assert.notEqual((await run.reload()).workflow_started_at, null);
      assert.equal(run.waiting_for, null);
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

  it('closes a run that ended before its workflow began, so that its stream of events ends', async () => {
    // Before, such a run was never closed, and whoever followed its events waited for ever.
    const run = await buildRun(database);
    await admitNext();
    await transition({ runId: run.id, to: 'cancelled', phase: 'finished' });
    await dispatcher.sweep();
    const isOver = async () => (await readStream(run.id, STREAM_START, 10)).run?.isOver;
    assert.equal(await isOver(), false, 'a start may be under way');
    await Run.update({ finished_at: new Date(Date.now() - 60_000) }, { where: { id: run.id } });
    await dispatcher.sweep();
    assert.equal(await isOver(), true);
    assert.equal((await run.reload()).workflow_started_at, null);
  });

  it('ends a run that Temporal refuses, with its sentence, and neither other runs nor cancels wait for it', async () => {
    // Before, the first failure ended the sweep: no cancel was delivered any more, and a batch of others was left.
    const refused = await buildRun(database);
    await refused.update({ workflow_id: 'x'.repeat(2_000) });
    const cancelled = await buildRun(database);
    await dispatcher.sweep();
    const next = await buildRun(database);
    await transition({ runId: cancelled.id, to: 'cancelled', phase: 'finished' });
    await dispatcher.sweep();
    assert.equal((await refused.reload()).status, 'failed');
    assert.match(String(refused.error_message), /^Temporal does not take this: .*length/i);
    assert.notEqual((await next.reload()).workflow_started_at, null);
    const connection = await Connection.connect({ address: env.temporalAddress ?? '' });
    const { events } = await new Client({ connection }).workflow.getHandle(cancelled.workflow_id).fetchHistory();
    await connection.close();
    assert.ok(events?.some((event) => event.workflowExecutionCancelRequestedEventAttributes));
  });

  it('counts up why a run waits in one event, however often it is tried', async () => {
    const run = await buildRun(database);
    for (let times = 0; times < 3; times++) await noteTrouble(run.id, 'The disk has errors.');
    await noteTrouble(run.id, 'The network did not answer.');
    const events = await RunEvent.findAll({ where: { run_id: run.id, kind: 'waiting' }, order: [['seq', 'ASC']] });
    assert.deepEqual(
      events.map(({ data }) => [data.message, data.attempts]),
      [
        ['The disk has errors.', 3],
        ['The network did not answer.', 4],
      ],
    );
    assert.deepEqual([(await run.reload()).waiting_for, run.waiting_attempts], ['The network did not answer.', 4]);
  });
});
