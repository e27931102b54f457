import type Router from '@koa/router';
import type { Context, Middleware, Next } from 'koa';
import { ApiError } from './errors.ts';

/**
 * Answers OPTIONS, and refuses a method that a path does not have. A path of words counts before one with a parameter:
 * DELETE /projects/plan is no deletion of a project "plan".
 */
export function checkMethod(routers: Router[]): Middleware {
  const layers = routers.flatMap((router) => router.stack).filter(({ methods }) => methods.length > 0);
  return async (ctx: Context, next: Next) => {
    const matching = layers.filter((layer) => layer.match(ctx.path));
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
