import { randomUUID } from 'node:crypto';
import type { Context } from 'koa';

/** What log lines, commands and headers can hold without being quoted. */
const ID = /^[\w.:-]{1,128}$/;
/** https://www.w3.org/TR/trace-context/#traceparent-header: version, trace id, parent id, flags. */
const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/;
const NO_TRACE = '0'.repeat(32);

/**
 * What a request is called, in its answer and in the log: what its sender calls it (`X-Request-Id`, or the trace id of `traceparent`)
 * where that is well-formed, else a name of its own.
 */
export function requestIdOf(ctx: Context): string {
  const given = ctx.get('X-Request-Id');
  if (ID.test(given)) return given;
  const [, traceId] = TRACEPARENT.exec(ctx.get('traceparent')) ?? [];
  if (traceId !== undefined && traceId !== NO_TRACE) return traceId;
  return `req_${randomUUID().replaceAll('-', '')}`;
}
