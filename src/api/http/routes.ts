import Router, { type RouterContext } from '@koa/router';
import type Koa from 'koa';
import type { Context, Next } from 'koa';
import type { Logger } from '../../platform/logger.ts';
import { admit, RefusedRequests } from './audit.ts';
import { ApiError } from './errors.ts';
import type { Access, Guard } from './guard.ts';

export type Route = Access & {
  method: 'get' | 'post' | 'patch' | 'delete';
  /** All of it, as @koa/router writes it: `/api/v1/jobs/:id`. One slash more at its end is the same path. */
  path: string;
  handle: (ctx: Context) => Promise<void> | void;
};

/**
 * All routes, and who may use them. A key with the role of a route is asked for where it was matched and before anything else is done
 * with the request. What matches no route needs a key as well, and is refused then: nothing is open but what is declared so.
 */
export class Routes {
  /** A router tries one route after the other: there is one for each family of paths. */
  readonly #routers = new Map<string, Router>();
  readonly guard: Guard;
  readonly #refused: RefusedRequests;

  constructor(guard: Guard, logger: Logger) {
    this.guard = guard;
    this.#refused = new RefusedRequests(logger);
  }

  add({ method, path, handle, ...needed }: Route): void {
    const access = this.guard.requireAccess(needed);
    const enter = (ctx: Context, next: Next) => {
      // The first that matches answers: see matchedRoute.
      ctx.state.route ??= path;
      return access(ctx, next);
    };
    this.#routerOf(path)[method](path, this.#refused.watch(path), enter, admit, this.#checkMethod, handle);
  }

  /** Has an application answer at these routes, and refuse everything else. What says 404 comes after it. */
  addTo(app: Koa): void {
    const dispatch = new Map([...this.#routers].map(([family, router]) => [family, router.routes()]));
    app.use((ctx, next) => dispatch.get(familyOf(ctx.path))?.(ctx as RouterContext, next) ?? next());
    app.use(this.#refused.watch(null));
    app.use(this.guard.requireAccess({ role: 'viewer' }));
    app.use(admit);
    app.use(this.#checkMethod);
  }

  #routerOf(path: string): Router {
    const family = familyOf(path);
    // Case-sensitive: a path has one spelling, beside its last slash.
    const router = this.#routers.get(family) ?? new Router({ sensitive: true });
    this.#routers.set(family, router);
    return router;
  }

  /**
   * Answers OPTIONS, and refuses a method that a path does not have. A path of words counts before one with a parameter:
   * DELETE /projects/plan is no deletion of a project "plan".
   */
  readonly #checkMethod = async (ctx: Context, next: Next): Promise<void> => {
    const matching = (ctx as RouterContext).matched ?? [];
    const literal = matching.filter(({ paramNames }) => paramNames.length === 0);
    const methods = new Set((literal.length > 0 ? literal : matching).flatMap((layer) => layer.methods));
    if (methods.size === 0 || methods.has(ctx.method)) return await next();
    const allowed = [...methods, 'OPTIONS'].sort().join(', ');
    ctx.set('Allow', allowed);
    if (ctx.method !== 'OPTIONS')
      throw new ApiError(405, `${ctx.method} is not allowed on ${ctx.path}; allowed: ${allowed}.`);
    ctx.status = 204;
  };
}

/** The template of the route that answers a request, for what is measured of it; undefined where none matched. */
export function matchedRoute({ state }: Pick<Context, 'state'>): string | undefined {
  const { route } = state as Record<string, unknown>;
  return typeof route === 'string' ? route : undefined;
}

/** `jobs` of /api/v1/jobs/1, `docs` of /docs/1. */
function familyOf(path: string): string {
  const [, first = '', , third = ''] = path.split('/', 4);
  return first === 'api' ? third : first;
}
