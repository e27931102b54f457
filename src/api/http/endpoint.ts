import { OpenAPIRegistry } from '@asteasolutions/zod-to-openapi';
import type { Context } from 'koa';
import type { Sequelize } from 'sequelize';
import { z } from 'zod';
import type { Logger } from '../../platform/logger.ts';
import type { Slowly } from '../../platform/long-answers.ts';
import { ANSWER_WITHIN_MS, LongAnswers, StillAtWork } from '../../platform/long-answers.ts';
import { whileAudited } from './audit.ts';
import {
  type ApiDependencies,
  type Declaration,
  isAudited,
  type Once,
  type OnceByOneStatement,
} from './declaration.ts';
import { documentEndpoint } from './document-endpoint.ts';
import { type Access, Guard } from './guard.ts';
import { createOnce } from './idempotency.ts';
import { check, readJson } from './request.ts';
import { Routes } from './routes.ts';
import { IDEMPOTENCY_HEADER, IdempotencyHeaders, type StillAtWorkSchema } from './shared-schema.ts';
import { OWN_WIRE, type Wire } from './wire.ts';

/**
 * The endpoints of one wire of the API. Declaring one gives its route with access and validation and its entry in the OpenAPI document
 * from the same declaration, so that neither can differ from the other.
 */
export class Endpoints {
  readonly routes: Routes;
  readonly registry = new OpenAPIRegistry();
  readonly wire: Wire;
  readonly #sequelize: Sequelize;
  readonly #logger: Logger;
  readonly #longAnswers = new LongAnswers();
  readonly #answerWithinMs: number;

  /** @param routes those of the other wires, which one application answers */
  constructor(
    { env, sequelize, logger, answerWithinMs = ANSWER_WITHIN_MS }: ApiDependencies,
    { wire = OWN_WIRE, routes = new Routes(new Guard(env, sequelize), logger) }: { wire?: Wire; routes?: Routes } = {},
  ) {
    this.wire = wire;
    this.routes = routes;
    this.#sequelize = sequelize;
    this.#logger = logger;
    this.#answerWithinMs = answerWithinMs;
  }

  add<
    P extends z.ZodObject | undefined = undefined,
    Q extends z.ZodObject | undefined = undefined,
    B extends z.ZodType | undefined = undefined,
  >(endpoint: Declaration<P, Q, B>): void {
    documentEndpoint(this.registry, endpoint, this.wire);
    const { method, success } = endpoint;
    const handle = async (ctx: Context) => {
      const params = check(endpoint.params as P, ctx.params, 'path');
      const query = check(endpoint.query as Q, ctx.query, 'query');
      const sent = endpoint.body ? await readJson(ctx, endpoint.bodyOptional === true) : { value: undefined, text: '' };
      const body = check(endpoint.body as B, sent.value, 'body');
      const idempotencyKey = () => keyOf(ctx);
      const once = this.#onceFor(ctx, { path: endpoint.path, params, text: sent.text, body });
      const onceByOneStatement: OnceByOneStatement = (create) =>
        idempotencyKey() === undefined ? create(null) : once(create);
      const deadline = performance.now() + this.#answerWithinMs;
      const slowly: Slowly = (what, work) =>
        this.#longAnswers.answer([endpoint.path, what], Math.max(0, deadline - performance.now()), work);
      // Before: the handler of a download answers with a part of it, or that nothing has changed, where it is asked to.
      ctx.status = success.status;
      const work = () =>
        endpoint
          .handle({ params, query, body, ctx, idempotencyKey, once, onceByOneStatement, slowly })
          .catch((error: unknown) => {
            if (error instanceof StillAtWork) return error;
            throw error;
          });
      const { path } = endpoint;
      const call = { wire: this.wire, path, location: success.location, params, query, body: sent.value };
      const result = isAudited(endpoint) ? await whileAudited(ctx, call, this.#logger, work) : await work();
      if (result instanceof StillAtWork) return answerLater(ctx, result);
      ctx.body = success.status === 204 ? null : result;
      if (success.location !== undefined)
        ctx.set('Location', this.wire.basePath + locationOf(success.location, result));
      if (method !== 'get') this.#logChange(ctx, endpoint.path, params, result);
    };
    // Without its last slash the router takes a path with and without one; a redirect would lose a POST's body.
    const pattern = endpoint.path.replaceAll(/\{(\w+)\}/g, ':$1').replace(/\/$/, '');
    const path = this.wire.basePath + (endpoint.takesRestOfPath ? pattern.replace(/:(\w+)$/, '*$1') : pattern);
    this.routes.add({ method, path, handle, ...accessOf(endpoint) });
  }

  /** Who changed what, by the ids that later lines of what follows from it have. */
  #logChange(ctx: Context, path: string, params: unknown, result: unknown): void {
    const { requestId } = ctx.state;
    const { id } = Created.safeParse(result).data ?? {};
    const { method, status } = ctx;
    this.#logger.info({ requestId, method, route: this.wire.basePath + path, params, id, status }, 'Did a request.');
  }

  /** `text`: the body as it was sent; `body`: as it was understood. */
  #onceFor(
    ctx: Context,
    { path, params, text, body }: { path: string; params: unknown; text: string; body: unknown },
  ): Once {
    return async (create, fingerprint = text) => {
      const scope = `${ctx.method} ${path} ${JSON.stringify(params ?? {})}`;
      const formerScope = `${ctx.method} ${ctx.path.replace(/\/$/, '')}`;
      const formerly = {
        scopes: [formerScope, `${formerScope}/`],
        fingerprint: fingerprint === text ? JSON.stringify(body ?? null) : fingerprint,
      };
      const request = { key: keyOf(ctx), scope, fingerprint, formerly };
      const { answer, replayed } = await createOnce(this.#sequelize, request, create);
      if (replayed) ctx.set('Idempotent-Replayed', 'true');
      return answer;
    };
  }
}

function accessOf({ open, role, takesKeyFromQuery = false, alone = false }: Access): Access {
  const way = { takesKeyFromQuery, alone };
  return open ? { ...way, open } : { ...way, role };
}

/** @throws ApiError 422 */
function keyOf(ctx: Context): string | undefined {
  const headers = { [IDEMPOTENCY_HEADER]: ctx.headers[IDEMPOTENCY_HEADER.toLowerCase()] };
  return check(IdempotencyHeaders, headers, 'header')[IDEMPOTENCY_HEADER];
}

function answerLater(ctx: Context, { message, progressPercent }: StillAtWork): void {
  ctx.status = 202;
  ctx.set('Retry-After', '2');
  ctx.body = { detail: message, progress_percent: progressPercent } satisfies z.input<typeof StillAtWorkSchema>;
}

const Created = z.object({ id: z.int() });

function locationOf(location: string, created: unknown): string {
  const { id } = Created.parse(created);
  return location.replace('{id}', String(id));
}
