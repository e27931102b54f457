import { isIP } from 'node:net';
import type { Context, Middleware, Next } from 'koa';
import helmet from 'koa-helmet';
import type { Env } from '../../platform/env.ts';
import { ApiError } from './errors.ts';

/** Headers that keep browsers from misusing answers; none that would break plain HTTP. */
export function securityHeaders(): Middleware {
  return helmet({
    strictTransportSecurity: false,
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        styleSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", 'data:'],
        frameAncestors: ["'none'"],
        baseUri: ["'none'"],
      },
    },
  });
}

/**
 * Refuses what another web site sends through a visitor's browser: by its own name that it lets lead here (DNS
 * rebinding: Host), or from its own pages (Origin). For every method, since a GET tells secrets too.
 */
export function checkSender(env: Env): Middleware {
  const allowed = new Set(['localhost', env.host.toLowerCase(), ...env.allowedHosts]);
  // A client sends the same one each time, and it takes as long to read as the rest of the guard.
  let lastAllowed = '';
  return async (ctx: Context, next: Next) => {
    if (ctx.get('Host') !== lastAllowed || ctx.get('Origin') !== '') check(ctx);
    lastAllowed = ctx.get('Host');
    await next();
  };
  function check(ctx: Context): void {
    const host = parseUrl(`http://${ctx.get('Host')}`)?.hostname.toLowerCase() ?? null;
    // An address cannot be rebound: only names can be made to lead elsewhere.
    if (host === null || !(allowed.has(host) || isIP(host.replace(/^\[|\]$/g, '')) !== 0)) {
      throw new ApiError(
        403,
        `Host ${JSON.stringify(ctx.get('Host'))} is not allowed. Use localhost or the address, or add the name to MTM_ALLOWED_HOSTS.`,
      );
    }
    const origin = ctx.get('Origin');
    if (origin !== '' && parseUrl(origin)?.host !== ctx.get('Host')) {
      throw new ApiError(403, `Origin ${JSON.stringify(origin)} is not this API; other sites may not use it.`);
    }
  }
}

function parseUrl(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null;
}
