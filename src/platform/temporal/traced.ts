import type { Resource } from '@opentelemetry/resources';
import type { SpanProcessor } from '@opentelemetry/sdk-trace-node';
import type { WorkflowClientInterceptor } from '@temporalio/client';
import type { ActivityInterceptorsFactory, InjectedSinks } from '@temporalio/worker';
import type { Sinks } from '@temporalio/workflow';
import { TRACED } from '../../../temporal/traced-memo.ts';

interface TemporalTracing {
  client: WorkflowClientInterceptor[];
  activity: ActivityInterceptorsFactory[];
  sinks: InjectedSinks<Sinks>;
}

/** What workflows that were started while there were traces tell goes nowhere: the SDK would call it an error. */
const UNTRACED: TemporalTracing = {
  client: [],
  activity: [],
  sinks: { exporter: { export: { fn: () => {} } } },
};
let tracing = UNTRACED;

/** How clients and Workers of Temporal take part in traces: see startTracing. Nothing where there are none. */
export function temporalTracing(): TemporalTracing {
  return tracing;
}

/** For startTracing alone. */
export async function loadTemporalTracing(processor: SpanProcessor, resource: Resource): Promise<void> {
  const {
    makeWorkflowExporter,
    OpenTelemetryActivityInboundInterceptor: Inbound,
    OpenTelemetryWorkflowClientInterceptor: Starting,
  } = await import('@temporalio/interceptors-opentelemetry');
  tracing = {
    client: [new Starting(), notingThatItIsTraced],
    activity: [(context) => ({ inbound: new Inbound(context) })],
    sinks: { exporter: makeWorkflowExporter(processor, resource) },
  };
}

/**
 * A workflow is traced to its end, or never: what traces it in the sandbox takes promises of its own, and with them the order of what it does could
 * become another one in the middle. See src/workflows/traced.ts.
 */
const notingThatItIsTraced: WorkflowClientInterceptor = {
  start: (input, next) => next({ ...input, options: traced(input.options) }),
  startWithDetails: (input, next) => next({ ...input, options: traced(input.options) }),
  startUpdateWithStart: (input, next) => next({ ...input, workflowStartOptions: traced(input.workflowStartOptions) }),
};

function traced<Options extends { memo?: Record<string, unknown> }>(options: Options): Options {
  return { ...options, memo: { ...options.memo, [TRACED]: true } };
}
