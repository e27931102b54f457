import { createHash, timingSafeEqual } from 'node:crypto';
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

/** What a request needs beside a path and a method that there are. Nothing declared: an API key, in its header. */
export interface Access {
  /** Answers without an API key. */
  open?: boolean;
  /** The key may come as the query's `access_token`: a browser's EventSource sends no headers of its user's. */
  takesKeyFromQuery?: boolean;
}

/** Asks for one of MTM_API_KEYS, where there are any. */
export function requireAccess(env: Env, { open = false, takesKeyFromQuery = false }: Access): Middleware {
  return async (ctx: Context, next: Next) => {
    if (!open && !holdsKey(env, ctx, takesKeyFromQuery)) {
      ctx.set('WWW-Authenticate', 'Bearer');
      const isSent = keyOf(ctx, takesKeyFromQuery) !== undefined;
      throw new ApiError(
        401,
        isSent
          ? 'This API key is none of this service. Send one of its MTM_API_KEYS; in a browser, sign in again.'
          : 'Send one of the API keys of this service: Authorization: Bearer <key>. In a browser, sign in on the page.',
      );
    }
    await next();
  };
}

/** Whether a request has one of the keys, or needs none since there are none. */
export function holdsKey(env: Env, ctx: Context, takesKeyFromQuery = false): boolean {
  return env.apiKeys.length === 0 || isKey(env, keyOf(ctx, takesKeyFromQuery) ?? '');
}

/** Keys are compared by their hashes, in constant time. */
export function isKey(env: Env, key: string): boolean {
  const given = sha256(key);
  return env.apiKeys.filter((known) => timingSafeEqual(sha256(known), given)).length > 0;
}

function keyOf(ctx: Context, takesKeyFromQuery: boolean): string | undefined {
  const [, fromHeader] = ctx.get('Authorization').match(/^Bearer +(\S+)$/i) ?? [];
  const { access_token: fromQuery } = takesKeyFromQuery ? ctx.query : {};
  return fromHeader ?? (typeof fromQuery === 'string' ? fromQuery : keyOfSession(ctx));
}

/** Holds the key of a browser that signed in, as base64url: a key may have characters that cookies do not. */
const SESSION_COOKIE = 'mtm_key';
const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS'];

/** For this browser and until it is closed; no script reads it, and no other site has it sent. */
export function keepKey(ctx: Context, key: string): void {
  ctx.cookies.set(SESSION_COOKIE, Buffer.from(key).toString('base64url'), { httpOnly: true, sameSite: 'strict' });
}

export function forgetKey(ctx: Context): void {
  ctx.cookies.set(SESSION_COOKIE, null, { httpOnly: true, sameSite: 'strict' });
}

/**
 * A browser sends a cookie by itself, also for a page of another port of this host, which counts as the same site. So the cookie counts
 * where the page is ours alone: by Sec-Fetch-Site where a browser says it, and for what changes something by Origin, which
 * all send then, and which checkSender has compared.
 */
function keyOfSession(ctx: Context): string | undefined {
  const cookie = ctx.cookies.get(SESSION_COOKIE);
  if (cookie === undefined) return undefined;
  const site = ctx.get('Sec-Fetch-Site');
  const isOurPage = site === '' || site === 'same-origin' || site === 'none';
  const isOurChange = SAFE_METHODS.includes(ctx.method) || ctx.get('Origin') !== '';
  return isOurPage && isOurChange ? Buffer.from(cookie, 'base64url').toString() : undefined;
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** @throws Error with the remedy when the API would listen where strangers reach it, without keys. */
export function requireSafeAddress(env: Env): void {
  const loopback = env.host === 'localhost' || env.host === '::1' || /^127\./.test(env.host);
  if (loopback || env.apiKeys.length > 0 || env.trustNetwork) return;
  throw new Error(
    `MTM_HOST is ${env.host}, where others can reach the API, and it asks for no key. Set MTM_API_KEYS to one or more long random keys, separated by commas; or MTM_TRUST_NETWORK=true if only those who may use it can reach that address.`,
  );
}
