import {
  type Attributes,
  context,
  defaultTextMapGetter,
  defaultTextMapSetter,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type TextMapGetter,
  trace,
} from '@opentelemetry/api';
import type { Env } from './env.ts';
import { loadTemporalTracing } from './temporal/traced.ts';
import { VERSION } from './version.ts';

/** A service whose collector is away for longer than this ends all the same, without its last spans. */
const FLUSH_TIMEOUT_MS = 3_000;
const SAY_AGAIN_AFTER_MS = 600_000;
const OURS = 'model-training-manager';

/**
 * Begins to send what this process does to a collector of OpenTelemetry. Without `OTEL_EXPORTER_OTLP_ENDPOINT` it does nothing, and loads nothing. To be
 * called before what is traced is made. What the settings of OpenTelemetry say beside the endpoint (headers, sampler, attributes) its SDK reads itself.
 * @param part of the service: `api`, `orchestrator`, …
 * @param warn hears why spans are lost, now and then: a collector that is away must not fill the log
 * @returns sends what has not been sent; at the end of the process
 */
export async function startTracing(
  { tracesEndpoint, tracesProtocol }: Pick<Env, 'tracesEndpoint' | 'tracesProtocol'>,
  part: string,
  warn: (sentence: string) => void,
): Promise<() => Promise<void>> {
  if (tracesEndpoint === undefined) return async () => {};
  const [
    { BatchSpanProcessor, NodeTracerProvider },
    { setGlobalErrorHandler },
    { detectResourcesSync, envDetector, Resource },
    { OTLPTraceExporter },
  ] = await Promise.all([
    import('@opentelemetry/sdk-trace-node'),
    import('@opentelemetry/core'),
    import('@opentelemetry/resources'),
    tracesProtocol === 'http/json'
      ? import('@opentelemetry/exporter-trace-otlp-http')
      : import('@opentelemetry/exporter-trace-otlp-proto'),
  ]);
  const resource = new Resource({
    'service.name': `mtm-${part}`,
    'service.namespace': OURS,
    'service.version': VERSION,
    'process.pid': process.pid,
  }).merge(detectResourcesSync({ detectors: [envDetector] }));
  const processor = new BatchSpanProcessor(new OTLPTraceExporter({ url: `${tracesEndpoint}/v1/traces` }));
  const provider = new NodeTracerProvider({ resource, spanProcessors: [processor] });
  provider.register();
  setGlobalErrorHandler(nowAndThen((error) => warn(`Traces do not get to ${tracesEndpoint}: ${sentenceOf(error)}`)));
  await loadTemporalTracing(processor, resource);
  return async () => {
    const late = new Promise<void>((resolve) => void setTimeout(resolve, FLUSH_TIMEOUT_MS).unref());
    await Promise.race([provider.shutdown().catch(() => {}), late]);
  };
}

/** The place in its trace of what is done now, as W3C's `traceparent`; null where nothing is traced. */
export function traceParent(): string | null {
  const carrier: { traceparent?: string } = {};
  propagation.inject(context.active(), carrier, defaultTextMapSetter);
  return carrier.traceparent ?? null;
}

/** Does work as a part of the trace that this `traceparent` is of; null: of none, or of that which is under way. */
export function withinTrace<T>(parent: string | null, work: () => T): T {
  if (parent === null) return work();
  return context.with(propagation.extract(ROOT_CONTEXT, { traceparent: parent }, defaultTextMapGetter), work);
}

/** Does work as a span: a part of what is traced now, of a time of its own. One that fails says with what. */
export async function inSpan<T>(name: string, attributes: Attributes, work: (span: Span) => Promise<T>): Promise<T> {
  return await spanned(trace.getTracer(OURS).startSpan(name, { attributes }), work);
}

/** The same, for a request that came in: a part of its sender's trace, where its headers name one. */
export async function inRequestSpan<Headers, T>(
  headers: Headers,
  getter: TextMapGetter<Headers>,
  name: string,
  work: (span: Span) => Promise<T>,
): Promise<T> {
  const sender = propagation.extract(ROOT_CONTEXT, headers, getter);
  return await spanned(trace.getTracer(OURS).startSpan(name, { kind: SpanKind.SERVER }, sender), work);
}

/** Adds a span of something that is over already to what is traced now. */
export function addSpan(name: string, attributes: Attributes, fromMs: number, toMs: number): void {
  trace.getTracer(OURS).startSpan(name, { attributes, startTime: fromMs }).end(toMs);
}

/** Does not do again so soon what it has done. */
function nowAndThen<Of>(say: (of: Of) => void): (of: Of) => void {
  let saidAtMs = Number.NEGATIVE_INFINITY;
  return (of) => {
    if (performance.now() - saidAtMs < SAY_AGAIN_AFTER_MS) return;
    saidAtMs = performance.now();
    say(of);
  };
}

/** Of an exception, as OpenTelemetry has them. */
function sentenceOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : String(error);
}

async function spanned<T>(span: Span, work: (span: Span) => Promise<T>): Promise<T> {
  try {
    return await context.with(trace.setSpan(context.active(), span), () => work(span));
  } catch (error) {
    span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.message : String(error) });
    throw error;
  } finally {
    span.end();
  }
}
