import assert from 'node:assert/strict';
import { csvRows } from '../support/rows.ts';
import { startTestService, type TestService, TINY_MODEL, temporalClientOf, until } from '../support/service.ts';
import { type CollectedSpan, startTraceCollector } from '../support/trace-collector.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SENDER = 'b7ad6b7169203331';

describe('traces', function () {
  this.timeout(180_000);
  let collector: Awaited<ReturnType<typeof startTraceCollector>>;
  let service: TestService;
  let remove: () => Promise<void>;

  before(async () => {
    collector = await startTraceCollector();
    ({ service, remove } = await startTestService({ tracesEndpoint: collector.endpoint, tracesProtocol: 'http/json' }));
  });

  after(async () => {
    // Nobody takes the last spans: the service ends all the same.
    await collector?.close();
    await remove?.();
  });

  it('are one from the request of a sender over dispatcher, workflow and activities to the trainer', async () => {
    // Leave withinTrace() out of dispatcher.ts, the interceptors out of src/workflows/traced.ts or of training-worker.ts, or `sender` out of
    // inRequestSpan(), and what comes after it is of another trace.
    const { body: dataset } = await service.upload('rows.csv', csvRows(40));
    await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
    const asked = {
      dataset_id: dataset.id,
      model_name: TINY_MODEL,
      training_type: 'lora',
      max_steps: 2,
      max_length: 64,
    };
    const headers = { traceparent: `00-${TRACE}-${SENDER}-01` };
    const { body: job } = await service.call('POST', '/jobs/', { name: 'traced', ...asked }, headers);
    const ofTrace = () => collector.spans.filter(({ traceId }) => traceId === TRACE);
    const spanOf = async (of: string, name: string): Promise<CollectedSpan> => {
      const found = async () => ofTrace().find((span) => span.of === of && span.name === name);
      return await until(`a span "${name}" of ${of}`, found, 60_000);
    };
    // A workflow is the last to end, and its trace has what it did.
    const workflow = await spanOf('mtm-orchestrator', 'RunWorkflow:trainingWorkflow');
    const request = await spanOf('mtm-api', 'POST /api/v1/jobs');
    assert.equal(request.parentSpanId, SENDER);
    assert.equal(request.attributes['http.response.status_code'], 201);
    assert.equal(request.attributes['http.route'], '/api/v1/jobs');
    assert.equal(request.attributes['mtm.request_id'], TRACE);
    const started = await spanOf('mtm-orchestrator', 'StartWorkflow:trainingWorkflow');
    assert.equal(started.parentSpanId, request.spanId);
    assert.equal(workflow.parentSpanId, started.spanId);
    for (const [of, activity] of [
      ['mtm-orchestrator', 'prepareData'],
      ['mtm-worker', 'trainModel'],
      ['mtm-worker', 'validateModel'],
      ['mtm-orchestrator', 'finishRun'],
    ] as const) {
      const scheduled = await spanOf('mtm-orchestrator', `StartActivity:${activity}`);
      assert.equal(scheduled.parentSpanId, workflow.spanId, activity);
      assert.equal((await spanOf(of, `RunActivity:${activity}`)).parentSpanId, scheduled.spanId, activity);
    }
    const trainer = await spanOf('mtm-worker', 'trainer train');
    assert.equal(trainer.parentSpanId, (await spanOf('mtm-worker', 'RunActivity:trainModel')).spanId);
    assert.equal(trainer.attributes['mtm.lease_epoch'], 1);
    for (const part of ['claim', 'spawn', 'model', 'first_step']) {
      const parents = ofTrace().flatMap(({ name, parentSpanId }) => (name === part ? [parentSpanId] : []));
      assert.ok(parents.includes(trainer.spanId), part);
    }
    assert.equal((await service.call('GET', `/jobs/${job.id}`)).body.status, 'completed');
  });

  it('have workflows that were started without them left as they are', async () => {
    // Let interceptors() of src/workflows/traced.ts trace every workflow, and this one is.
    const client = await temporalClientOf(service);
    const workflowId = 'check-run-404';
    const handle = await client.workflow.start('checkOutputWorkflow', {
      workflowId,
      taskQueue: 'orchestration',
      args: [{ runId: 404, host: service.env.hostName }],
    });
    const scheduled = await until('an activity of it', async () => {
      const { events } = await handle.fetchHistory();
      return events?.find((event) => event.activityTaskScheduledEventAttributes)?.activityTaskScheduledEventAttributes;
    });
    await handle.terminate();
    assert.deepEqual(Object.keys(scheduled.header?.fields ?? {}), []);
    await client.connection.close();
  });
});
