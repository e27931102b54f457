import { z } from 'zod';
import type { ApiDependencies } from '../http/declaration.ts';
import type { Endpoints } from '../http/endpoint.ts';
import { ApiError } from '../http/errors.ts';
import { forgetKey, holdsKey, isKey, keepKey } from '../http/guard.ts';

const SessionSchema = z
  .object({
    needs_key: z.boolean().openapi({ description: 'Whether the service has API keys' }),
    signed_in: z.boolean().openapi({ description: 'Whether this browser sent one of them, or needs none' }),
  })
  .openapi('Session', { example: { needs_key: true, signed_in: false } });

const SignIn = z
  .strictObject({ api_key: z.string().min(1).max(1_000) })
  .openapi('SignIn', { example: { api_key: 'one-of-MTM_API_KEYS' } });

const tag = 'Session';

/** For browsers: a key that is kept in a cookie which no script can read, until they are closed or the visitor signs out. */
export function addSession(endpoints: Endpoints, { env }: ApiDependencies): void {
  endpoints.add({
    method: 'get',
    path: '/session',
    summary: 'Whether a browser has to sign in',
    tag,
    open: true,
    alone: true,
    success: { status: 200, description: 'The session', schema: SessionSchema },
    handle: async ({ ctx }) => ({ needs_key: env.apiKeys.length > 0, signed_in: holdsKey(env, ctx) }),
  });

  endpoints.add({
    method: 'post',
    path: '/session',
    summary: 'Sign in: keeps an API key in a cookie of this browser, until it is closed',
    tag,
    open: true,
    alone: true,
    body: SignIn,
    success: { status: 200, description: 'The session', schema: SessionSchema },
    errors: { 400: 'It is none of the API keys' },
    handle: async ({ ctx, body: { api_key: key } }) => {
      if (env.apiKeys.length > 0 && !isKey(env, key))
        throw new ApiError(400, 'This is none of the API keys of the service. They are in its setting MTM_API_KEYS.');
      keepKey(ctx, key);
      return { needs_key: env.apiKeys.length > 0, signed_in: true };
    },
  });

  endpoints.add({
    method: 'delete',
    path: '/session',
    summary: 'Sign out: this browser forgets its key',
    tag,
    open: true,
    alone: true,
    success: { status: 204, description: 'Signed out' },
    handle: async ({ ctx }) => forgetKey(ctx),
  });
}
