import type { Context, Middleware, Next } from 'koa';
import { type AuditedWho, beginAudited, endAudited } from '../../models/audit/audit.ts';
import { ANYONE, type Principal } from '../../models/keys/roles.ts';
import { whileAskedBy } from '../../platform/asked-by.ts';
import type { Logger } from '../../platform/logger.ts';
import { changesInWords, entityOf, idInWords, storable } from './audit-words.ts';
import { ApiError, statusOfError } from './errors.ts';
import type { Wire } from './wire.ts';

/** A request as its endpoint declares and understands it. */
export interface AuditedCall {
  wire: Wire;
  /** As it is declared. */
  path: string;
  /** Of what is created. */
  location?: string | undefined;
  params: unknown;
  query: unknown;
  /** As it was sent. */
  body: unknown;
}

/**
 * Does what changes something, and has the audit list say so. The row is committed before anything is done, and without it
 * nothing is: whatever ends the service meanwhile, no change is without its row, which then says that its end is unknown. So a
 * change that is made in several transactions, or by Temporal, is in the list as safely as one of a single statement.
 */
export async function whileAudited<T>(
  ctx: Context,
  { wire, path, location, params, query, body }: AuditedCall,
  logger: Logger,
  work: () => Promise<T>,
): Promise<T> {
  const { kind, id: entity_id } = entityOf(path, params, location);
  const who = whoAsks(ctx);
  const row = {
    ...who,
    method: ctx.method,
    route: wire.basePath + path,
    entity_kind: kind,
    entity_id,
    changes: changesInWords(path, params, query, body),
    request_id: ctx.response.get('X-Request-Id'),
    status: null,
  };
  const id = await beginAudited(row, null);
  const end = async (status: number, answer: unknown) => {
    const replayed = ctx.response.get('Idempotent-Replayed') === 'true';
    await endAudited({ id, status, replayed, ...namesOf(answer) }, null).catch((error: unknown) =>
      // What was done is done, and its row is there: it goes on saying that its end is unknown.
      logger.warn({ err: error, auditId: id, status }, 'The audit list could not be completed.'),
    );
  };
  try {
    const answer = await whileAskedBy(nameOfKey(ctx), whoAsks(ctx).key_id, work);
    await end(ctx.status, answer);
    return answer;
  } catch (error) {
    await end(wire.statusOf(statusOfError(error)), null);
    throw error;
  }
}

/** What an answer says of the thing that it shows. */
function namesOf(answer: unknown): { entity_id: string | null; entity_name: string | null } {
  const { id = null, name = null } =
    typeof answer === 'object' && answer !== null ? (answer as Record<string, unknown>) : {};
  return {
    entity_id: typeof id === 'number' || typeof id === 'string' ? idInWords(id) : null,
    entity_name: typeof name === 'string' ? storable(name, 512) : null,
  };
}

/** Whoever sends what is refused needs no key: the list takes so many of it a minute, and then their number. */
const MOST_REFUSALS = 100;
const PER_MS = 60_000;

/**
 * Has the audit list say who was refused for their key or its role, whatever they asked for; a browser that has not signed in is told so
 * by every request that reads, and that is no attempt at anything. Stands before what asks for keys, which `admit` stands behind.
 */
export class RefusedRequests {
  readonly #logger: Logger;
  #since = Number.NEGATIVE_INFINITY;
  #written = 0;
  #leftOut = 0;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** @param path as @koa/router writes it; null: there is no such path */
  watch(path: string | null): Middleware {
    const route = path?.replaceAll(/[:*](\w+)/g, '{$1}') ?? null;
    return async (ctx: Context, next: Next) => {
      try {
        await next();
      } catch (error) {
        const isRefused = error instanceof ApiError && [401, 403].includes(error.status) && !ctx.state.isAdmitted;
        // Of the body: who signs in with a wrong key.
        if (error instanceof ApiError && (isRefused || ctx.state.hasWrongKey))
          await this.#write(ctx, route, error.status);
        throw error;
      }
    };
  }

  async #write(ctx: Context, route: string | null, status: number): Promise<void> {
    const isRead = ['GET', 'HEAD', 'OPTIONS'].includes(ctx.method);
    if (isRead && !sentKey(ctx)) return;
    const now = performance.now();
    if (now - this.#since > PER_MS) {
      this.#since = now;
      this.#written = 0;
    }
    if (this.#written >= MOST_REFUSALS) {
      this.#leftOut += 1;
      return;
    }
    this.#written += 1;
    const changes = this.#leftOut === 0 ? '' : `${this.#leftOut} more refused requests before this one are not listed`;
    this.#leftOut = 0;
    const { kind, id } =
      route === null ? { kind: 'no such path', id: null } : entityOf(route.replace(/^\/api\/v1|^\/v1/, ''), ctx.params);
    const row = {
      ...whoAsks(ctx),
      method: ctx.method,
      route: route ?? '(no such path)',
      entity_kind: kind,
      entity_id: id,
      changes,
      request_id: ctx.response.get('X-Request-Id'),
      status,
    };
    await beginAudited(row, null).catch((error: unknown) =>
      this.#logger.warn({ err: error, ...row }, 'The audit list could not be written.'),
    );
  }
}

/** Stands behind what asks for keys: what is refused from here on is refused for another reason. */
export const admit: Middleware = async (ctx, next) => {
  ctx.state.isAdmitted = true;
  await next();
};

function sentKey(ctx: Context): boolean {
  return ctx.get('Authorization') !== '' || ctx.get('Cookie') !== '' || ctx.query.access_token !== undefined;
}

/** Whoever has no key, or one that the service does not know. */
const NOBODY = '(nobody)';

function whoAsks(ctx: Context): AuditedWho {
  const { keyId = null, name = NOBODY, role = null } = principalIn(ctx) ?? {};
  return { key_id: keyId, key_name: name, role, address: storable(ctx.ip.replace(/^::ffff:/, ''), 64) };
}

/** Null: of a service without keys there is nothing to tell. */
function nameOfKey(ctx: Context): string | null {
  const { name = null } = principalIn(ctx) ?? {};
  return name === ANYONE.name ? null : name;
}

/** Also whose key has expired, which lets nobody in. */
function principalIn(ctx: Context): Principal | undefined {
  const { principal, expiredKey } = ctx.state as { principal?: Principal; expiredKey?: Principal };
  return principal ?? expiredKey;
}
