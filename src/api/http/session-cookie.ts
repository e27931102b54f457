import type { Context } from 'koa';

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
export function keyOfSession(ctx: Context): string | undefined {
  const cookie = ctx.cookies.get(SESSION_COOKIE);
  if (cookie === undefined) return undefined;
  const site = ctx.get('Sec-Fetch-Site');
  const isOurPage = site === '' || site === 'same-origin' || site === 'none';
  const isOurChange = SAFE_METHODS.includes(ctx.method) || ctx.get('Origin') !== '';
  return isOurPage && isOurChange ? Buffer.from(cookie, 'base64url').toString() : undefined;
}
