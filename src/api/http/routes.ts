import Router, { type RouterContext } from '@koa/router';
import type Koa from 'koa';
import type { Context, Next } from 'koa';
import type { Env } from '../../platform/env.ts';
import { ApiError } from './errors.ts';
import { type Access, requireAccess } from './guard.ts';

export interface Route extends Access {
  method: 'get' | 'post' | 'patch' | 'delete';
  /** All of it, as @koa/router writes it: `/api/v1/jobs/:id`. One slash more at its end is the same path. */
  path: string;
  handle: (ctx: Context) => Promise<void> | void;
}

/**
 * All routes, and who may use them. An API key is asked for where a route was matched and before anything else is done
 * with the request. What matches no route needs one as well: nothing is open but what is declared so.
 */
export class Routes {
  /** A router tries one route after the other: there is one for each family of paths. */
  readonly #routers = new Map<string, Router>();
  readonly #env: Env;

  constructor(env: Env) {
    this.#env = env;
  }

  add({ method, path, handle, ...access }: Route): void {
    const allow = requireAccess(this.#env, access);
    const enter = (ctx: Context, next: Next) => {
      // The first that matches answers. What is measured of requests goes by it: see monitoring/request-metrics.ts.
      ctx.state.route ??= path;
      return allow(ctx, next);
    };
    this.#routerOf(path)[method](path, enter, this.#checkMethod, handle);
  }

  /** Has an application answer at these routes, and refuse everything else. What says 404 comes after it. */
  addTo(app: Koa): void {
    const dispatch = new Map([...this.#routers].map(([family, router]) => [family, router.routes()]));
    app.use((ctx, next) => dispatch.get(familyOf(ctx.path))?.(ctx as RouterContext, next) ?? next());
    app.use(requireAccess(this.#env, {}));
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

/** `jobs` of /api/v1/jobs/1, `docs` of /docs/1. */
function familyOf(path: string): string {
  const [, first = '', , third = ''] = path.split('/', 4);
  return first === 'api' ? third : first;
}
