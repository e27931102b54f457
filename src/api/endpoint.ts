import { OpenAPIRegistry } from '@asteasolutions/zod-to-openapi';
import Router from '@koa/router';
import type { Context } from 'koa';
import { HttpMethodEnum, koaBody } from 'koa-body';
import type { z } from 'zod';
import type { Env } from '../env.ts';
import type { Logger } from '../logger.ts';
import type { Orchestration } from '../workflows/client.ts';
import { ApiError } from './errors.ts';
import { ErrorSchema } from './shared-schema.ts';

export const BASE_PATH = '/api/v1';
const JSON_LIMIT = '1mb';

/** What every handler may use. */
export interface ApiDependencies {
  env: Env;
  orchestration: Orchestration;
  logger: Logger;
}

interface Request<Params, Query, Body> {
  params: Params;
  query: Query;
  body: Body;
  ctx: Context;
}

type Parsed<S> = S extends z.ZodType ? z.output<S> : undefined;

interface Declaration<
  P extends z.ZodObject | undefined,
  Q extends z.ZodObject | undefined,
  B extends z.ZodType | undefined,
> {
  method: 'get' | 'post' | 'patch' | 'delete';
  /** As OpenAPI writes it, under the base path: `/jobs/{id}`. */
  path: string;
  summary: string;
  tag: string;
  params?: P;
  query?: Q;
  body?: B;
  /** Default: JSON. A multipart body is read by the handler. */
  multipart?: z.ZodType;
  success: { status: 200 | 201 | 204; description: string; schema?: z.ZodType };
  /** Error codes beside those that every endpoint can give, with when they are given. */
  errors?: Record<number, string>;
  handle: (request: Request<Parsed<P>, Parsed<Q>, Parsed<B>>) => Promise<unknown>;
}

/**
 * The endpoints of the API. Declaring one gives its route with validation and its entry in the OpenAPI document from the
 * same zod schemas, so that neither can differ from the other.
 */
export class Endpoints {
  // A longer path first would not help /projects/{id} against /projects/models/available: ids are digits alone.
  readonly router = new Router({ prefix: BASE_PATH });
  readonly registry = new OpenAPIRegistry();

  add<
    P extends z.ZodObject | undefined = undefined,
    Q extends z.ZodObject | undefined = undefined,
    B extends z.ZodType | undefined = undefined,
  >(endpoint: Declaration<P, Q, B>): void {
    this.#document(endpoint);
    const handler = async (ctx: Context) => {
      const params = check(endpoint.params as P, ctx.params, 'path');
      const query = check(endpoint.query as Q, ctx.query, 'query');
      if (endpoint.body) await readJson(ctx);
      const body = check(endpoint.body as B, ctx.request.body, 'body');
      const result = await endpoint.handle({ params, query, body, ctx });
      ctx.status = endpoint.success.status;
      ctx.body = endpoint.success.status === 204 ? null : result;
      if (endpoint.success.status === 204) ctx.status = 204;
    };
    this.router[endpoint.method](endpoint.path.replaceAll(/\{(\w+)\}/g, ':$1'), handler);
  }

  #document(endpoint: Declaration<z.ZodObject | undefined, z.ZodObject | undefined, z.ZodType | undefined>): void {
    const { success } = endpoint;
    const error = (description: string) => ({ description, content: { 'application/json': { schema: ErrorSchema } } });
    const errors = {
      ...(endpoint.params || endpoint.query || endpoint.body || endpoint.multipart
        ? { 422: 'Malformed or out of range' }
        : {}),
      ...(endpoint.body ? { 413: 'Too large', 415: 'Not JSON' } : {}),
      503: 'PostgreSQL or Temporal is away; try again',
      ...endpoint.errors,
    };
    this.registry.registerPath({
      method: endpoint.method,
      path: `${BASE_PATH}${endpoint.path}`,
      summary: endpoint.summary,
      tags: [endpoint.tag],
      operationId: operationId(endpoint.method, endpoint.path),
      request: {
        ...(endpoint.params ? { params: endpoint.params } : {}),
        ...(endpoint.query ? { query: endpoint.query } : {}),
        ...(endpoint.body
          ? { body: { required: true, content: { 'application/json': { schema: endpoint.body } } } }
          : {}),
        ...(endpoint.multipart
          ? { body: { required: true, content: { 'multipart/form-data': { schema: endpoint.multipart } } } }
          : {}),
      },
      responses: {
        [success.status]: success.schema
          ? { description: success.description, content: { 'application/json': { schema: success.schema } } }
          : { description: success.description },
        ...Object.fromEntries(Object.entries(errors).map(([status, description]) => [status, error(description)])),
      },
    });
  }
}

/** `get /jobs/{id}/status` is getJobsIdStatus. */
function operationId(method: string, path: string): string {
  const words = path.split(/[^A-Za-z0-9]+/).filter(Boolean);
  return method + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
}

const parseJson = koaBody({
  json: true,
  text: false,
  urlencoded: false,
  multipart: false,
  jsonLimit: JSON_LIMIT,
  jsonStrict: false,
  parsedMethods: [HttpMethodEnum.POST, HttpMethodEnum.PATCH],
});

async function readJson(ctx: Context): Promise<void> {
  if (!ctx.is('application/json')) {
    throw new ApiError(
      415,
      `Content-Type is ${JSON.stringify(ctx.get('Content-Type'))}; send a JSON body as application/json.`,
    );
  }
  try {
    await parseJson(ctx, async () => {});
  } catch (error) {
    const status = error instanceof Error && 'status' in error ? error.status : null;
    if (status === 413) throw new ApiError(413, `The body is larger than ${JSON_LIMIT}. Send less.`);
    throw new ApiError(422, `The body is no valid JSON: ${error instanceof Error ? error.message : String(error)}.`);
  }
}

/** @throws ApiError 422 that names field, value and what it may be. */
export function check<S extends z.ZodType | undefined>(schema: S, value: unknown, where: string): Parsed<S> {
  if (!schema) return undefined as Parsed<S>;
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data as Parsed<S>;
  const sentences = parsed.error.issues.slice(0, 5).map((issue) => {
    if (issue.code === 'unrecognized_keys')
      return `Unknown ${where} field ${issue.keys.map((key) => JSON.stringify(key)).join(', ')}; remove it or correct its name.`;
    const field = issue.path.join('.') || where;
    const given = issue.path.reduce<unknown>(
      (object, key) => (object as Record<PropertyKey, unknown> | undefined)?.[key],
      value,
    );
    return given === undefined
      ? `${field} is required (${issue.message}).`
      : `${field} is ${shown(given)}: ${issue.message}.`;
  });
  throw new ApiError(422, sentences.join(' '));
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}
