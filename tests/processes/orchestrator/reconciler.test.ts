import assert from 'node:assert/strict';
import { Connection } from '@temporalio/client';
import pg from 'pg';
import { connectOrchestration, type Orchestration } from '../../../src/commands/workflows/client.ts';
import { workflowOf } from '../../../src/commands/workflows/run-workflow.ts';
import { Run } from '../../../src/models/runs/run.ts';
import { RunEvent } from '../../../src/models/runs/run-event.ts';
import type { Env } from '../../../src/platform/env.ts';
import { setUpOutsideTemporal } from '../../../src/platform/temporal/set-up.ts';
import { Reconciler } from '../../../src/processes/orchestrator/reconciler.ts';
import { ORCHESTRATION_QUEUE } from '../../../src/workflows/contract.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { captureLog, ERROR } from '../../support/log-lines.ts';
import { addQueuedRuns } from '../../support/queued-runs.ts';
import { buildRun } from '../../support/runs.ts';
import { testEnv, until } from '../../support/service.ts';
import { createNamespace, sharedServers } from '../../support/shared-servers.ts';

const PAGE_ROWS = 100;
/** Of temporal.api.enums.v1.CommandType. */
const SCHEDULE_ACTIVITY_TASK = 1;

describe('the reconciler', function () {
  this.timeout(120_000);
  let env: Env;
  let database: TestDatabase;
  let orchestration: Orchestration;

  before(async () => {
    const shared = sharedServers();
    assert.ok(shared, 'npm test starts them');
    database = await startTestDatabase();
    const { temporalAddress } = shared;
    env = { ...(await testEnv()), temporalAddress, temporalNamespace: await createNamespace(shared) };
    await setUpOutsideTemporal(env, () => {});
    orchestration = connectOrchestration(env);
  });
  after(async () => {
    await orchestration?.close();
    await database?.remove();
  });
  beforeEach(() => Run.destroy({ where: {} }));

  /** A run of which the row says that its workflow was started; Temporal does not know it. */
  async function buildLost(): Promise<Run> {
    const run = await buildRun(database);
    return await run.update({ admitted_at: new Date(), workflow_started_at: new Date() });
  }

  it('mends a run although one before it cannot be looked at', async () => {
    // Before, the first error ended the look: take `catch` out of #each (src/processes/orchestrator/reconciler.ts), and the second one stays lost.
    const broken = await buildLost();
    await broken.update({ workflow_id: 'x'.repeat(2_000) });
    const lost = await buildLost();
    const { logger, lines } = captureLog();
    await new Reconciler(env, orchestration, logger).look();
    assert.deepEqual(
      lines.filter(({ level }) => level === ERROR).map(({ runId }) => runId),
      [broken.id],
    );
    assert.deepEqual(await orchestration.trainingState({ runId: lost.id, workflowId: lost.workflow_id }), {
      is: 'open',
    });
    assert.equal(await RunEvent.count({ where: { run_id: lost.id, kind: 'reconciled' } }), 1);
  });

  it('leaves a workflow alone whose last step is tried again, and cancels one that nothing ends', async () => {
    // Take isEnding out of #endStray (src/processes/orchestrator/reconciler.ts), and a workflow that waits for an orchestrator that stands still is cancelled.
    const runs: Run[] = [];
    for (const isEnding of [true, false]) {
      const run = await buildRun(database);
      const now = new Date();
      await run.update({ status: 'cancelled', phase: 'finished', finished_at: now, workflow_started_at: now });
      await orchestration.startTraining(await workflowOf(run));
      if (isEnding) await scheduleLastStep(run);
      await run.update({ workflow_closed_at: now });
      runs.push(run);
    }
    const [ending, left] = runs;
    assert.ok(ending && left);
    const listed = async () => {
      const ids: string[] = [];
      for await (const page of orchestration.openTrainings()) ids.push(...page.map(({ workflowId }) => workflowId));
      return runs.every(({ workflow_id }) => ids.includes(workflow_id)) ? true : null;
    };
    await until('both to be listed', listed);
    const reconciler = new Reconciler({ ...env, heartbeatTimeoutMs: 1 }, orchestration, captureLog().logger);
    const mended = ({ id }: Run) => RunEvent.count({ where: { run_id: id, kind: 'reconciled' } });
    await until('the second one to be cancelled', async () => {
      await reconciler.look();
      return (await mended(left)) > 0 ? true : null;
    });
    assert.equal(await mended(ending), 0);
  });

  /** Does what a workflow does at its end, where no worker does the step. */
  async function scheduleLastStep({ workflow_id }: Run): Promise<void> {
    const { temporalNamespace: namespace, temporalAddress: address } = env;
    const taskQueue = { name: ORCHESTRATION_QUEUE };
    const connection = await Connection.connect({ address });
    const service = connection.workflowService;
    try {
      await connection.withDeadline(Date.now() + 60_000, async () => {
        // Workflows of other tests wait as well.
        const poll = () => service.pollWorkflowTaskQueue({ namespace, taskQueue, identity: 'the test' });
        let task = await poll();
        while (task.workflowExecution?.workflowId !== workflow_id) task = await poll();
        const scheduleActivityTaskCommandAttributes = {
          activityId: '1',
          activityType: { name: 'finishRun' },
          taskQueue,
          startToCloseTimeout: { seconds: 600 as never },
        };
        await service.respondWorkflowTaskCompleted({
          namespace,
          taskToken: task.taskToken,
          commands: [{ commandType: SCHEDULE_ACTIVITY_TASK, scheduleActivityTaskCommandAttributes }],
        });
      });
    } finally {
      await connection.close();
    }
  }

  it('reads rows in pages, and none of those that only wait in the line', async () => {
    // Before, all open runs were read at once, with all that they have: 350 MB of 100,000. Take LIMIT out of openRows, and all
    // rows come at once; take workflow_started_at out of it, and so do those of the line.
    const { job_id } = await (await buildRun(database)).reload();
    const client = new pg.Client(database.url);
    await client.connect();
    try {
      await addQueuedRuns(client, job_id ?? 0, 2 * PAGE_ROWS + 1);
      // They ended just now, so that a look has nothing to do for them.
      await client.query(
        `UPDATE runs SET status = 'failed', phase = 'finished', error_class = 'Test', error_message = 'A test.', finished_at = now(),
           admitted_at = now(), workflow_started_at = now()
         WHERE id IN (SELECT id FROM runs ORDER BY id LIMIT ${PAGE_ROWS + 1})`,
      );
    } finally {
      await client.end();
    }
    const pages: number[] = [];
    Run.addHook('afterFind', 'count', (found: unknown) => {
      if (Array.isArray(found) && found.length > 0) pages.push(found.length);
    });
    try {
      await new Reconciler(env, orchestration, captureLog().logger, PAGE_ROWS).look();
    } finally {
      Run.removeHook('afterFind', 'count');
    }
    assert.deepEqual(pages, [PAGE_ROWS, 1]);
  });
});
