import type { Context } from 'koa';
import { collectDefaultMetrics, type PrometheusContentType, Registry } from 'prom-client';
import { z } from 'zod';
import { MIGRATION_NAMES } from '../../models/migrations.ts';
import { VERSION } from '../../platform/version.ts';
import type { ApiDependencies } from '../http/declaration.ts';
import type { Endpoints } from '../http/endpoint.ts';
import { createFigures } from './figures.ts';
import { addFigures } from './metrics.ts';
import type { RequestMetrics } from './request-metrics.ts';
import { addGauge, addOwn } from './samples.ts';

/** As an Accept header names them; the first one for who takes any. */
const FORMATS = {
  'text/plain;version=0.0.4': Registry.PROMETHEUS_CONTENT_TYPE,
  'application/openmetrics-text;version=1.0.0': Registry.OPENMETRICS_CONTENT_TYPE,
} as const;

const MetricsSchema = z.string().openapi({ example: '# TYPE mtm_queue_runs gauge\nmtm_queue_runs 3\n' });

/** Of the process, so made once in it: how Node fares. */
let ofNode: Registry | undefined;
function nodeMetrics(): Registry {
  if (ofNode) return ofNode;
  ofNode = new Registry();
  collectDefaultMetrics({ register: ofNode });
  return ofNode;
}

/** For Prometheus: under the base path, and at the root, where it looks. */
export function addMonitoring(
  endpoints: Endpoints,
  { orchestration, logger, figuresFreshMs }: ApiDependencies,
  requests: RequestMetrics,
): void {
  const look = createFigures(orchestration, logger, figuresFreshMs);
  const render = async (ctx: Context): Promise<string> => {
    const accepted = ctx.accepts(Object.keys(FORMATS)) as keyof typeof FORMATS | false;
    const contentType = FORMATS[accepted || 'text/plain;version=0.0.4'];
    const registry = new Registry();
    // By its types a registry is of one format from its beginning; all else takes one of either.
    registry.setContentType(contentType as PrometheusContentType);
    const schema = MIGRATION_NAMES.at(-1) ?? '';
    addGauge(registry, 'build_info', 'What runs here', [[{ version: VERSION, schema, node: process.version }, 1]]);
    addFigures(registry, await look());
    addOwn(registry, requests.registry);
    addOwn(registry, nodeMetrics());
    ctx.set('Content-Type', contentType);
    return await registry.metrics();
  };
  endpoints.add({
    method: 'get',
    path: '/metrics',
    role: 'viewer',
    summary: 'What the service does, in figures for Prometheus: as text, or as OpenMetrics where that is asked for',
    tag: 'Monitoring',
    // It says which of them is away.
    alone: true,
    success: { status: 200, description: 'The figures', contentType: 'text/plain', schema: MetricsSchema },
    handle: ({ ctx }) => render(ctx),
  });
  endpoints.routes.add({
    method: 'get',
    path: '/metrics',
    role: 'viewer',
    handle: async (ctx) => {
      ctx.body = await render(ctx);
    },
  });
}
