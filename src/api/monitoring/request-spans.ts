import { SpanStatusCode, type TextMapGetter } from '@opentelemetry/api';
import type { Context, Middleware } from 'koa';
import { inRequestSpan } from '../../platform/tracing.ts';
import { matchedRoute } from '../http/routes.ts';

const HEADERS: TextMapGetter<Context> = {
  get: (ctx, name) => ctx.get(name),
  keys: (ctx) => Object.keys(ctx.headers),
};

/**
 * Each request as a span, by OpenTelemetry's conventions for HTTP (https://opentelemetry.io/docs/specs/semconv/http/http-spans/), until its
 * answer begins. To be used before all else, so that refusals and failures are spans as well.
 */
export const requestSpans: Middleware = async (ctx, next) => {
  await inRequestSpan(ctx, HEADERS, ctx.method, async (span) => {
    await next();
    if (!span.isRecording()) return;
    const route = matchedRoute(ctx);
    // A path that no route has is the client's, and may be anything.
    if (route !== undefined) span.updateName(`${ctx.method} ${route}`);
    span.setAttributes({
      'http.request.method': ctx.method,
      'http.response.status_code': ctx.status,
      ...(route === undefined ? {} : { 'http.route': route }),
      'mtm.request_id': ctx.response.get('X-Request-Id'),
    });
    if (ctx.status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
  });
};
