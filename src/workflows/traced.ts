import {
  OpenTelemetryInboundInterceptor,
  OpenTelemetryInternalsInterceptor,
  OpenTelemetryOutboundInterceptor,
} from '@temporalio/interceptors-opentelemetry/lib/workflow/index.js';
import { type WorkflowInterceptors, workflowInfo } from '@temporalio/workflow';
import { TRACED } from '../../temporal/traced-memo.ts';

/** Of the bundle of workflows: those that were started by a service with traces are a part of them. */
export function interceptors(): WorkflowInterceptors {
  return {
    inbound: [whereTraced(() => new OpenTelemetryInboundInterceptor())],
    outbound: [whereTraced(() => new OpenTelemetryOutboundInterceptor())],
    internals: [whereTraced(() => new OpenTelemetryInternalsInterceptor())],
  };
}

/** Of other workflows nothing is intercepted. That is known only when one is called: where they are made, a workflow has no memo yet. */
function whereTraced<Interceptor extends object>(make: () => Interceptor): Interceptor {
  let made: Interceptor | undefined;
  const call = (name: string | symbol, input: unknown, next: (input: unknown) => unknown) => {
    if (workflowInfo().memo?.[TRACED] !== true) return next(input);
    made ??= make();
    const method: unknown = Reflect.get(made, name);
    return typeof method === 'function' ? Reflect.apply(method, made, [input, next]) : next(input);
  };
  return new Proxy({} as Interceptor, {
    get: (_, name) => (input: unknown, next: (input: unknown) => unknown) => call(name, input, next),
  });
}
