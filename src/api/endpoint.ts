import { OpenAPIRegistry } from '@asteasolutions/zod-to-openapi';
import Router from '@koa/router';
import type { Context } from 'koa';
import type { Sequelize, Transaction } from 'sequelize';
import type { z } from 'zod';
import type { Env } from '../env.ts';
import type { Logger } from '../logger.ts';
import type { BundleReaders } from '../retrieval/bundle-readers.ts';
import type { Orchestration } from '../workflows/client.ts';
import { documentEndpoint } from './document-endpoint.ts';
import { createOnce } from './idempotency.ts';
import { check, type Parsed, readJson } from './request.ts';
import { IDEMPOTENCY_HEADER, IdempotencyHeaders } from './shared-schema.ts';

export const BASE_PATH = '/api/v1';

/** What every handler may use. */
export interface ApiDependencies {
  env: Env;
  orchestration: Orchestration;
  logger: Logger;
  sequelize: Sequelize;
  bundles: BundleReaders;
}

/**
 * Creates in a transaction, once per Idempotency-Key where the client sends one (see idempotency.ts), and gives the
 * answer. `fingerprint`: what makes a request the same one, unless that is its body.
 */
export type Once = (create: (transaction: Transaction) => Promise<unknown>, fingerprint?: string) => Promise<unknown>;

interface Request<Params, Query, Body> {
  params: Params;
  query: Query;
  body: Body;
  ctx: Context;
  once: Once;
}

export interface Declaration<
  P extends z.ZodObject | undefined,
  Q extends z.ZodObject | undefined,
  B extends z.ZodType | undefined,
> {
  method: 'get' | 'post' | 'patch' | 'delete';
  /** As OpenAPI writes it, under the base path: `/jobs/{id}`. */
  path: string;
  /** The last parameter of the path is all that is left of it, with slashes. */
  takesRestOfPath?: boolean;
  summary: string;
  tag: string;
  params?: P;
  query?: Q;
  body?: B;
  /** The body may be left out. */
  bodyOptional?: boolean;
  /** Takes an Idempotency-Key: the handler uses `once`. */
  creates?: boolean;
  /** Other request headers, for the document: the handler reads them. */
  headers?: z.ZodObject;
  /** Default: JSON. A multipart body is read by the handler. */
  multipart?: z.ZodType;
  /** `contentType`: of an answer that is no JSON. */
  success: { status: 200 | 201 | 204; description: string; schema?: z.ZodType; contentType?: string };
  /** Answers without an API key. */
  open?: boolean;
  /** Answers as well while PostgreSQL and Temporal are away. */
  alone?: boolean;
  /** Error codes beside those that every endpoint can give, with when they are given. */
  errors?: Record<number, string>;
  handle: (request: Request<Parsed<P>, Parsed<Q>, Parsed<B>>) => Promise<unknown>;
}

/**
 * The endpoints of the API. Declaring one gives its route with validation and its entry in the OpenAPI document from the
 * same zod schemas, so that neither can differ from the other.
 */
export class Endpoints {
  readonly router = new Router({ prefix: BASE_PATH });
  readonly registry = new OpenAPIRegistry();
  readonly #sequelize: Sequelize;

  constructor(sequelize: Sequelize) {
    this.#sequelize = sequelize;
  }

  add<
    P extends z.ZodObject | undefined = undefined,
    Q extends z.ZodObject | undefined = undefined,
    B extends z.ZodType | undefined = undefined,
  >(endpoint: Declaration<P, Q, B>): void {
    documentEndpoint(this.registry, endpoint);
    const handler = async (ctx: Context) => {
      const params = check(endpoint.params as P, ctx.params, 'path');
      const query = check(endpoint.query as Q, ctx.query, 'query');
      const given = endpoint.body ? await readJson(ctx, endpoint.bodyOptional === true) : undefined;
      const body = check(endpoint.body as B, given, 'body');
      const once = this.#onceFor(ctx, body);
      const result = await endpoint.handle({ params, query, body, ctx, once });
      ctx.status = endpoint.success.status;
      ctx.body = endpoint.success.status === 204 ? null : result;
      if (endpoint.success.status === 204) ctx.status = 204;
    };
    // Without its last slash the router takes a path with and without one; a redirect would lose a POST's body.
    const path = endpoint.path.replaceAll(/\{(\w+)\}/g, ':$1').replace(/\/$/, '');
    this.router[endpoint.method](endpoint.takesRestOfPath ? path.replace(/:(\w+)$/, '*$1') : path, handler);
  }

  #onceFor(ctx: Context, body: unknown): Once {
    return async (create, fingerprint = JSON.stringify(body ?? null)) => {
      const headers = { [IDEMPOTENCY_HEADER]: ctx.headers[IDEMPOTENCY_HEADER.toLowerCase()] };
      const { [IDEMPOTENCY_HEADER]: key } = check(IdempotencyHeaders, headers, 'header');
      const request = { key, scope: `${ctx.method} ${ctx.path}`, fingerprint };
      const { answer, replayed } = await createOnce(this.#sequelize, request, create);
      if (replayed) ctx.set('Idempotent-Replayed', 'true');
      return answer;
    };
  }
}
