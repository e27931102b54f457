import { z } from 'zod';
import type { Principal } from '../../models/keys/roles.ts';
import { ANYONE, ROLES } from '../../models/keys/roles.ts';
import { KEYS_AWAY } from '../http/document-endpoint.ts';
import type { Endpoints } from '../http/endpoint.ts';
import { forgetKey, keepKey } from '../http/session-cookie.ts';

const SessionSchema = z
  .object({
    needs_key: z.boolean().openapi({ description: 'Whether the service asks for an API key' }),
    signed_in: z.boolean().openapi({ description: 'Whether this request has one, or needs none' }),
    name: z.string().nullable().openapi({ description: 'That of its key' }),
    role: z.enum(ROLES).nullable().openapi({ description: 'What its key may do' }),
  })
  .openapi('Session', { example: { needs_key: true, signed_in: true, name: 'laptop of Kim', role: 'trainer' } });

const SignIn = z
  .strictObject({ api_key: z.string().min(1).max(1_000) })
  .openapi('SignIn', { example: { api_key: 'a-key-of-this-service' } });

const tag = 'Session';

/** For browsers: a key that is kept in a cookie which no script can read, until they are closed or the visitor signs out. */
export function addSession(endpoints: Endpoints): void {
  const { guard } = endpoints.routes;
  endpoints.add({
    method: 'get',
    path: '/session',
    summary: 'Whether a browser has to sign in; who asks, and with which role',
    tag,
    open: true,
    alone: true,
    success: { status: 200, description: 'The session', schema: SessionSchema },
    errors: { 503: KEYS_AWAY },
    handle: async ({ ctx }) => present(await guard.whoMayAsk(ctx)),
  });

  endpoints.add({
    method: 'post',
    path: '/session',
    summary: 'Sign in: keeps an API key in a cookie of this browser, until it is closed',
    tag,
    open: true,
    // Of the service: it changes this browser's cookie. A wrong key is in the audit list all the same.
    changesNothing: true,
    alone: true,
    body: SignIn,
    success: { status: 200, description: 'The session', schema: SessionSchema },
    errors: {
      400: 'It is none of the API keys',
      429: 'Too many wrong API keys came from this address',
      503: KEYS_AWAY,
    },
    handle: async ({ ctx, body: { api_key: key } }) => {
      const principal = await guard.whoHas(ctx, key);
      if (principal !== null) keepKey(ctx, key);
      return present(principal ?? ANYONE);
    },
  });

  endpoints.add({
    method: 'delete',
    path: '/session',
    summary: 'Sign out: this browser forgets its key',
    tag,
    open: true,
    // Of the service: it changes this browser's cookie.
    changesNothing: true,
    alone: true,
    success: { status: 204, description: 'Signed out' },
    handle: async ({ ctx }) => forgetKey(ctx),
  });
}

function present(principal: Principal | null): z.input<typeof SessionSchema> {
  return {
    needs_key: principal?.name !== ANYONE.name,
    signed_in: principal !== null,
    name: principal?.name ?? null,
    role: principal?.role ?? null,
  };
}
