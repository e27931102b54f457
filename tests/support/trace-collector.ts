import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

type Value = { stringValue?: string; intValue?: number };
type Attributes = { key: string; value: Value }[];

/** A span, as OTLP has it in JSON (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding). */
export interface CollectedSpan {
  /** `service.name` of the process. */
  of: string;
  name: string;
  traceId: string;
  spanId: string;
  /** Undefined or empty: it is the first of its trace. */
  parentSpanId?: string;
  attributes: Record<string, string | number | undefined>;
}

interface Told {
  resourceSpans: {
    resource: { attributes: Attributes };
    scopeSpans: { spans: (Omit<CollectedSpan, 'of' | 'attributes'> & { attributes: Attributes })[] }[];
  }[];
}

/** Takes traces as a collector of OpenTelemetry does, as `http/json`. */
export async function startTraceCollector() {
  const spans: CollectedSpan[] = [];
  const server = createServer(async (request, response) => {
    if (request.url === '/v1/traces') {
      const { resourceSpans } = (await json(request)) as Told;
      for (const { resource, scopeSpans } of resourceSpans)
        for (const span of scopeSpans.flatMap(({ spans }) => spans))
          spans.push({
            ...span,
            of: String(read(resource.attributes)['service.name']),
            attributes: read(span.attributes),
          });
    }
    response.setHeader('Content-Type', 'application/json').end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function read(attributes: Attributes): CollectedSpan['attributes'] {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue ?? value.intValue]));
}
