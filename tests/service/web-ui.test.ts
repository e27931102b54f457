import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client, WorkflowHandle } from '@temporalio/client';
import pg from 'pg';
import { connectOrchestration } from '../../src/commands/workflows/client.ts';
import type { TrainingOutcome } from '../../src/workflows/contract.ts';
import type { trainingWorkflow } from '../../src/workflows/index.ts';
import { searchAttributeKeys } from '../../temporal/search-attributes.ts';
import { settledPool, shownWorkers } from '../support/hosts.ts';
import { assertWeights, type Jobs, jobsOf } from '../support/jobs.ts';
import { csvRows } from '../support/rows.ts';
import { startTestService, type TestService, TINY_MODEL, temporalClientOf, until } from '../support/service.ts';
import { createWithShortHistory, runIdOf } from '../support/short-history.ts';
import { activitiesIn, currentDetails, eventsOf, foundBy, pendingProgress, timersIn } from '../support/web-ui.ts';

const MOST_EVENTS = 60;
const DATA = 'rows of support.csv';

/** The stages in their order, each with the line that the timeline has beside it. */
const TIMELINE = [
  { type: 'prepareData', summary: 'Mix the datasets into training and held-out rows' },
  { type: 'verifyModel', summary: 'Check the base model in the local cache' },
  { type: 'queueRun', summary: 'Wait for its turn and a free worker' },
  { type: 'trainModel', summary: 'Train on a worker, resuming from the last checkpoint' },
  { type: 'validateModel', summary: 'Load, generate, compare base and tuned' },
  { type: 'finishRun', summary: 'Finish: completed' },
];

/** What the Temporal Web UI shows of a run, asked for as the UI does. */
describe('a run in the Temporal Web UI', function () {
  this.timeout(360_000);
  let service: TestService;
  let remove: () => Promise<void>;
  let jobs: Jobs;
  let client: Client;

  before(async () => {
    ({ service, remove } = await startTestService());
    client = await temporalClientOf(service);
    jobs = jobsOf(service, Number((await service.upload(DATA, csvRows(200))).body.id));
    await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
    await settledPool(service, 1);
  });

  after(async () => {
    await client?.connection.close();
    await remove?.();
  });

  const workflowOf = (id: number): WorkflowHandle<typeof trainingWorkflow> =>
    client.workflow.getHandle(`job-${id}-run-1`);

  const statusOf = async (id: number) => {
    const { status, typedSearchAttributes } = await workflowOf(id).describe();
    return [status.name, typedSearchAttributes.get(searchAttributeKeys.status)];
  };

  /** Kills the worker that trains, as a crash would. */
  async function killBusyWorker(): Promise<string> {
    const worker = (await shownWorkers(service)).find(({ status }) => status === 'busy');
    assert.ok(worker?.pid, 'a worker is busy');
    process.kill(worker.pid, 'SIGKILL');
    return worker.id;
  }

  it('has at most 60 events however long it is: its stages in their order, each with a summary', async () => {
    // Let `stages` be null in src/workflows/runs/training.ts, as in workflows of before, and a timer looks at the progress.
    const short = await jobs.create({ max_steps: 2 });
    await jobs.ended(short);
    const long = await jobs.create({ name: 'A long one' });
    await jobs.atStep(long, 20);
    const [early, saidEarly] = [await eventsOf(workflowOf(long)), await currentDetails(workflowOf(long))];
    await jobs.atStep(long, 140);
    const [late, saidLate] = [await eventsOf(workflowOf(long)), await currentDetails(workflowOf(long))];
    // 120 steps of training left no trace: it shows its stage, and the figures are with the heartbeats.
    assert.equal(late.length, early.length);
    assert.equal(saidLate, saidEarly);
    await jobs.ended(long);
    for (const id of [short, long]) {
      await workflowOf(id).result();
      const events = await eventsOf(workflowOf(id));
      assert.ok(events.length <= MOST_EVENTS, `${events.length} events`);
      assert.deepEqual(timersIn(events), []);
      assert.deepEqual(activitiesIn(events), TIMELINE);
    }
  });

  it('is found by name, base model and data, and has them in its memo', async () => {
    // Take the key `data` out of trainingOptions (src/commands/workflows/training-client.ts) and the last query finds nothing.
    const name = "Anna's first";
    const id = await jobs.create({ name, max_steps: 2 });
    await jobs.ended(id);
    const { workflowId } = workflowOf(id);
    const byName = `MtmName = "${name}"`;
    assert.deepEqual(await foundBy(client, byName), [workflowId]);
    for (const more of [`MtmBaseModel = '${TINY_MODEL}'`, `MtmData = '${DATA}'`, "MtmTrainingType = 'qlora'"])
      assert.deepEqual(await foundBy(client, `${byName} AND ${more}`), [workflowId]);
    const shown = await workflowOf(id).describe();
    const { baseModel, data, ...memo } = shown.memo ?? {};
    assert.deepEqual([memo.name, baseModel, data], [name, TINY_MODEL, DATA]);
    assert.equal(await shown.staticSummary(), `${name}: qlora of ${TINY_MODEL}`);
    assert.match(String(await shown.staticDetails()), new RegExp(`GET /api/v1/jobs/${id}\``));
  });

  it('says its stage, and while it trains how far it is, with the heartbeats', async () => {
    // Take show() out of src/activities/runs/run-trainer.ts and the heartbeat tells its worker alone.
    // Before the first evaluation a step is saved as well, whichever that is.
    const id = await jobs.create({ epochs: 3, eval_steps: 0 });
    const handle = workflowOf(id);
    await jobs.atStep(id, 40);
    const progress = await pendingProgress(handle, 'a step after a checkpoint', (told) => {
      return Number(told.step) > Number(told.last_checkpoint_step) && Number(told.last_checkpoint_step) > 0;
    });
    assert.equal(progress.phase, 'training');
    assert.equal(progress.total_steps, 270);
    assert.match(String(progress.worker), /^worker-/);
    assert.equal(Number(progress.last_checkpoint_step) % 20, 0);
    for (const name of ['step', 'loss', 'tokens_per_s'])
      assert.ok(Number(progress[name]) > 0, `${name} is ${progress[name]}`);
    assert.match(String(progress.time_left), /^(under 1 s|[\d.]+ (s|min))$/);
    const training = await currentDetails(handle);
    assert.match(training, /^\*\*running\*\* · stage 4 of 6: train\n/);
    assert.match(training, /\| \*\*train:\*\* \| since \d{4}-\d\d-\d\d \d\d:\d\d UTC: training; .* \|/);
    assert.match(training, /\| prepare: \| 180 training rows, 20 held out, .* s \|/);
    assert.deepEqual(await statusOf(id), ['RUNNING', 'running']);
    await until('the validation', async () =>
      /stage 5 of 6: validate/.test(await currentDetails(handle)) ? true : null,
    );
    await jobs.ended(id);
  });

  it('ends with its verdict, its output and the sha256 of its weights', async () => {
    // Take weightsSha256 out of src/activities/runs/finish-run.ts and the result lacks it.
    const id = await jobs.create({ max_steps: 6 });
    const done = await jobs.ended(id);
    assert.equal(done.status, 'completed', String(done.error_message));
    const { status, verdict, outputPath, weightsSha256, interruptions } = await workflowOf(id).result();
    assert.deepEqual([status, verdict, interruptions], ['completed', done.verdict, []]);
    assert.equal(outputPath, done.output_path);
    const weights = await readFile(join(String(outputPath), 'adapter', 'adapter_model.safetensors'));
    assert.equal(weightsSha256, createHash('sha256').update(weights).digest('hex'));
    const details = await currentDetails(workflowOf(id));
    assert.match(details, /^\*\*completed\*\*\n/);
    for (const told of [weightsSha256, outputPath, String(verdict).toUpperCase()])
      assert.ok(details.includes(String(told)));
    assert.deepEqual(await statusOf(id), ['COMPLETED', 'completed']);
  });

  it('that was interrupted twice says why, of both, while it goes on and when it has ended', async () => {
    // Let interruptionsOf (src/models/runs/interruptions.ts) read the last event alone, as it was before, and one is told.
    const id = await jobs.create({ epochs: 4 });
    await jobs.atStep(id, 30);
    const killed = [await killBusyWorker()];
    await jobs.atStep(id, 60);
    await jobs.reached('at work again', id, ({ status, worker_id }) => status === 'running' && worker_id !== killed[0]);
    killed.push(await killBusyWorker());
    const told = await pendingProgress(workflowOf(id), 'two interruptions', ({ interruptions }) => {
      return Array.isArray(interruptions) && interruptions.length === 2;
    });
    const sentences = killed.map((worker) => `${worker} was lost: it did not renew its lease in time.`);
    const withoutTimes = (interruptions: unknown) =>
      (interruptions as string[]).map((one) => one.replace(/^\d{4}-\d\d-\d\d \d\d:\d\d UTC: /, ''));
    assert.deepEqual(withoutTimes(told.interruptions), sentences);
    const { raw } = await workflowOf(id).describe();
    const [pending] = raw.pendingActivities ?? [];
    assert.ok(Number(pending?.attempt) >= 3, `attempt ${pending?.attempt}`);
    assert.match(String(pending?.lastFailure?.message), /\w/);
    const done = await jobs.ended(id);
    assert.equal(done.status, 'completed', String(done.error_message));
    const { interruptions } = await workflowOf(id).result();
    assert.deepEqual(withoutTimes(interruptions), sentences);
    for (const sentence of sentences) assert.ok((await currentDetails(workflowOf(id))).includes(sentence));
    assert.deepEqual(activitiesIn(await eventsOf(workflowOf(id))), TIMELINE);
  });

  it('that failed, or was cancelled, is listed as such, with a sentence that a person can act on', async () => {
    // Return the outcome instead of asItEnded(…) in src/workflows/runs/training.ts, and Temporal lists a failed run as completed.
    const failed = await jobs.create({ model_name: 'none/such' });
    const { error_message } = await jobs.ended(failed);
    const failure = await workflowOf(failed)
      .result()
      .then(
        () => assert.fail('it completed'),
        (error: Error) => error.cause as Error & { details: TrainingOutcome[] },
      );
    assert.match(failure.message, /none\/such is not in the cache .* Fetch it with `mtm model add none\/such`/);
    assert.equal(failure.message, error_message);
    assert.equal(failure.details[0]?.status, 'failed');
    const details = await currentDetails(workflowOf(failed));
    assert.ok(details.includes(failure.message));
    assert.match(details, /^\*\*failed\*\*\n[\s\S]*\| verify: \| failed here/);
    assert.deepEqual(await statusOf(failed), ['FAILED', 'failed']);

    const cancelled = await jobs.create({ epochs: 100 });
    await jobs.atStep(cancelled, 5);
    await jobs.act(cancelled, 'cancel');
    await assert.rejects(workflowOf(cancelled).result());
    assert.deepEqual(await statusOf(cancelled), ['CANCELLED', 'cancelled']);
    assert.match(await currentDetails(workflowOf(cancelled)), /\| train: \| cancelled here/);
  });

  it('whose worker knew of the cancel before Temporal did is listed as cancelled all the same', async () => {
    // Take cancelOwnWorkflow() out of src/activities/runs/finish-run.ts and it stays open until the reconciler finds it a stray.
    // Throw a CancelledFailure of your own in src/workflows/runs/training.ts, as before, and Temporal lists it as failed.
    const id = await jobs.create({ epochs: 100 });
    await jobs.atStep(id, 5);
    const database = new pg.Client(service.databaseUrl);
    await database.connect();
    try {
      // The dispatcher asks Temporal for the cancel of one that is not closed.
      await database.query(
        `UPDATE runs SET status = 'cancelled', phase = 'finished', finished_at = now(), workflow_closed_at = now() WHERE id = $1`,
        [await runIdOf(service, id)],
      );
    } finally {
      await database.end();
    }
    await assert.rejects(workflowOf(id).result());
    assert.deepEqual(await statusOf(id), ['CANCELLED', 'cancelled']);
    assert.doesNotMatch(await jobs.eventsOf(id), /event: reconciled/);
  });

  it('that failed is known as one that ended by itself, also to a database that knows nothing of it', async () => {
    // Let trainingState (src/commands/workflows/training-client.ts) take every FAILED for broken off, and the sentence is another.
    const id = await jobs.create({ model_name: 'none/such' });
    const { error_message } = await jobs.ended(id);
    await workflowOf(id)
      .result()
      .catch(() => {});
    const orchestration = connectOrchestration({ ...service.env, temporalAddress: service.temporalAddress });
    try {
      const { workflowId } = workflowOf(id);
      assert.deepEqual(await orchestration.trainingState({ runId: await runIdOf(service, id), workflowId }), {
        is: 'ended',
        outcome: { status: 'failed', message: error_message },
      });
    } finally {
      await orchestration.close();
    }
  });

  it('that is paused says so, and why', async () => {
    // Take `this.#stages?.pause(…)` out of src/workflows/runs/pausing.ts and it says that it trains.
    const id = await jobs.create();
    await jobs.atStep(id, 30);
    await jobs.act(id, 'pause');
    await jobs.paused(id);
    const handle = workflowOf(id);
    await until('the workflow to say so', async () => ((await statusOf(id))[1] === 'paused' ? true : null));
    const details = await currentDetails(handle);
    assert.match(
      details,
      /^\*\*paused\*\* · stage 4 of 6: train\n\n.*\n\n\*\*Paused\.\*\* It was asked for\. Resume it to go on\.\n/,
    );
    assert.match(details, /\| \*\*train:\*\* \| since .* UTC: paused \|/);
    await jobs.act(id, 'resume');
    await until('the workflow to say so', async () => ((await statusOf(id))[1] === 'running' ? true : null));
    assert.match(
      await currentDetails(handle),
      /^\*\*running\*\* · stage 4 of 6: train\n\njob: qlora of .*, on rows of support\.csv\n\n\| stage/,
    );
    await jobs.ended(id);
  });

  it('whose pauses make its history long goes on in a new one, and completes with the weights of an undisturbed run', async () => {
    // Take #continueWhenLong out of over() in src/workflows/runs/pausing.ts and its history grows for ever.
    const undisturbed = await jobs.ended(await jobs.create());
    const id = await createWithShortHistory(service, client, jobs, 80);
    const handle = workflowOf(id);
    const first = (await handle.describe()).runId;
    await jobs.atStep(id, 10);
    const isAnother = async () => ((await handle.describe()).runId === first ? null : true);
    for (let round = 0; round < 8 && !(await isAnother()); round++) {
      assert.equal((await jobs.act(id, 'pause')).status, 200);
      await until('the workflow to be paused, or another', async () =>
        (await statusOf(id))[1] === 'paused' ? true : await isAnother(),
      );
      assert.equal((await jobs.act(id, 'resume')).status, 200);
      await until('the workflow to go on', async () => ((await statusOf(id))[1] === 'paused' ? null : true));
    }
    assert.ok(await isAnother(), 'it began a new history');
    const before = await eventsOf(client.workflow.getHandle(handle.workflowId, first));
    assert.ok(before.length >= 80 && before.length < 150, `${before.length} events`);
    assert.ok(before.at(-1)?.workflowExecutionContinuedAsNewEventAttributes);

    assertWeights(await jobs.ended(id), undisturbed);
    assert.equal((await handle.result()).status, 'completed');
    const shown = await handle.describe();
    assert.equal(shown.typedSearchAttributes.get(searchAttributeKeys.name), 'short history');
    assert.equal(shown.memo?.name, 'short history');
    // Take whatItIs() out of src/workflows/runs/stages.ts and nothing tells: the summary ends with the first history.
    assert.match(await currentDetails(handle), /^\*\*completed\*\*\n\nshort history: qlora of none, on rows\n/);
    const stages = activitiesIn(await eventsOf(handle)).map(({ type }) => type);
    const once = stages.filter(
      (type, i) => (type !== 'setPause' && type !== 'trainModel') || stages.indexOf(type) === i,
    );
    assert.deepEqual(
      once.filter((type) => type !== 'setPause'),
      TIMELINE.map(({ type }) => type),
    );
  });
});
