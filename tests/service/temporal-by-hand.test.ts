import assert from 'node:assert/strict';
import type { Client } from '@temporalio/client';
import { assertWeights, type Jobs, jobsOf, stepsIn } from '../support/jobs.ts';
import { csvRows } from '../support/rows.ts';
import { startTestService, type TestService, temporalClientOf, until } from '../support/service.ts';
import { trainersOf } from '../support/trainers.ts';

/** The buttons of the Temporal Web UI, which send these requests. */
describe('what a person does to a run in the Temporal Web UI', function () {
  this.timeout(360_000);
  let service: TestService;
  let remove: () => Promise<void>;
  let jobs: Jobs;
  let undisturbed: Record<string, unknown>;
  let client: Client;

  before(async () => {
    ({ service, remove } = await startTestService());
    client = await temporalClientOf(service);
    jobs = jobsOf(service, Number((await service.upload('rows.csv', csvRows(120))).body.id));
    await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
    undisturbed = await jobs.ended(await jobs.create());
    assert.equal(undisturbed.status, 'completed', String(undisturbed.error_message));
  });

  after(async () => {
    await client?.connection.close();
    await remove?.();
  });

  const workflowOf = (id: number, n = 1) => client.workflow.getHandle(`job-${id}-run-${n}`);

  /** The button Reset, at the first workflow task. */
  async function reset(id: number): Promise<void> {
    const { workflowId } = workflowOf(id);
    const { events } = await workflowOf(id).fetchHistory();
    const task = events?.find(({ workflowTaskCompletedEventAttributes }) => workflowTaskCompletedEventAttributes);
    await client.workflowService.resetWorkflowExecution({
      namespace: service.env.temporalNamespace,
      workflowExecution: { workflowId },
      workflowTaskFinishEventId: task?.eventId ?? null,
      requestId: `reset-${id}`,
      reason: 'by hand',
    });
  }

  async function assertNobodyAtWork(): Promise<void> {
    const pool = await until('the worker to be free', async () => {
      const { body } = await service.call('GET', '/workers/');
      return body.idle_workers === 1 ? body : null;
    });
    assert.equal(pool.busy_workers, 0);
    assert.deepEqual(await trainersOf(service.env.home), []);
  }

  it('Terminate: it saves, the run fails with a sentence, and starting it again goes on to the same weights', async () => {
    // Take out reconciler.look() in src/processes/orchestrator/orchestrator.ts and it is queued for ever.
    // Without a checkpoint of its own, and long enough that Temporal's answer to a heartbeat reaches it.
    const long = { epochs: 12, save_steps: 100_000 };
    const undisturbedOne = await jobs.ended(await jobs.create(long));
    const id = await jobs.create(long);
    await jobs.atStep(id, 30);
    await workflowOf(id).terminate('by hand');
    const failed = await jobs.ended(id);
    assert.equal(failed.status, 'failed');
    assert.match(String(failed.error_message), /terminated in Temporal\. Start it again with POST \/jobs\/\d+\/start/);
    const events = await jobs.eventsOf(id);
    // Take 'abandoned' out of SAVE_BEFORE (src/activities/runs/under-lease.ts) and nothing is saved.
    assert.match(events, /event: status\ndata: {.*"reason": ?"abandoned"/);
    assert.match(events, /event: reconciled\ndata: {.*terminated in Temporal/);
    await assertNobodyAtWork();

    const again = await jobs.act(id, 'start');
    assert.equal(again.status, 200, JSON.stringify(again.body));
    assertWeights(await jobs.ended(id), undisturbedOne);
    const [step] = stepsIn(await jobs.eventsOf(id), 'resumed');
    assert.ok(Number(step) >= 30, `it went on from step ${step}`);
  });

  it('Reset, while it trains: it goes on from its checkpoint, with the same weights', async () => {
    const id = await jobs.create();
    await jobs.atStep(id, 30);
    await reset(id);
    assertWeights(await jobs.ended(id), undisturbed);
    assert.equal((await workflowOf(id).result()).status, 'completed');
    await assertNobodyAtWork();
  });

  it('Reset, after its end: the end stays, and the workflow ends again', async () => {
    const id = await jobs.create({ max_steps: 2 });
    const before = await jobs.ended(id);
    const result = await workflowOf(id).result();
    assert.equal(result.status, 'completed');
    await reset(id);
    assert.deepEqual(await workflowOf(id).result(), result);
    assert.deepEqual(await jobs.get(id), before);
    await assertNobodyAtWork();
  });

  it('Cancel: the run is cancelled', async () => {
    const id = await jobs.create({ epochs: 100 });
    await jobs.atStep(id, 5);
    await workflowOf(id).cancel();
    assert.equal((await jobs.ended(id)).status, 'cancelled');
    await assertNobodyAtWork();
  });

  it('Terminate, while it is paused, or before it has a worker: it fails, and can be started again', async () => {
    const [paused, waiting] = [await jobs.create(), await jobs.create()];
    for (const id of [paused, waiting]) {
      // From then on it has a workflow.
      await jobs.reached('its turn', id, ({ phase }) => phase !== 'waiting');
      await jobs.act(id, 'pause');
    }
    await Promise.all([paused, waiting].map((id) => jobs.paused(id)));
    await workflowOf(paused).terminate('by hand');
    await workflowOf(waiting).terminate('by hand');
    for (const id of [paused, waiting]) {
      assert.equal((await jobs.ended(id)).status, 'failed');
      assert.equal((await jobs.act(id, 'start')).status, 200);
      assert.equal((await jobs.ended(id)).status, 'completed');
    }
  });
});
