import type { Middleware } from 'koa';
import proxyAddress from 'proxy-addr';
import type { Env } from '../../platform/env.ts';

/**
 * Takes from the proxies that `MTM_PROXIES` names who it is that asks: `ctx.ip` becomes the last address of `X-Forwarded-For` that is none of
 * theirs, and cookies are for HTTPS alone where `X-Forwarded-Proto` says that the client has it. What others write into these headers is not read:
 * anybody can.
 * @throws Error for a setting that names no address
 */
export function behindProxies({ proxies }: Pick<Env, 'proxies'>): Middleware {
  if (proxies.length === 0) return (_, next) => next();
  const isProxy = trustOf(proxies);
  return (ctx, next) => {
    ctx.request.ip = proxyAddress(ctx.req, isProxy);
    const isFromProxy = isProxy(ctx.req.socket.remoteAddress ?? '', 0);
    if (isFromProxy && ctx.get('X-Forwarded-Proto') === 'https') ctx.cookies.secure = true;
    return next();
  };
}

function trustOf(proxies: string[]): (address: string, hops: number) => boolean {
  try {
    return proxyAddress.compile(proxies);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(
      `Wrong settings. MTM_PROXIES is ${JSON.stringify(proxies.join(','))}: ${why}. Give addresses or networks, such as 10.0.0.5,192.168.0.0/16, or loopback.`,
    );
  }
}
