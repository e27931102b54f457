import { createHash, timingSafeEqual } from 'node:crypto';
import type { Context, Middleware, Next } from 'koa';
import type { Sequelize } from 'sequelize';
import { isExpired, KeyRing, type KnownKeys } from '../../models/keys/key-ring.ts';
import { ANYONE, mayDo, type Principal, type Role } from '../../models/keys/roles.ts';
import type { Env } from '../../platform/env.ts';
import { formOf, hashOf } from '../../platform/key-text.ts';
import { ApiError } from './errors.ts';
import { FailedKeys } from './failed-keys.ts';
import { OpenAnswers } from './open-answers.ts';
import { isOpenWithoutKeys } from './safe-address.ts';
import { keyOfSession } from './session-cookie.ts';

/** How a request may come by its key, and what it needs to be looked at. */
interface Way {
  /** The key may come as the query's `access_token`: a browser's EventSource sends no headers of its user's. */
  takesKeyFromQuery?: boolean;
  /** Answers as well while PostgreSQL and Temporal are away. */
  alone?: boolean;
}

/** Who may use an endpoint: everybody, or a key with at least this role. One of both has to be said. */
export type Access = Way & ({ open: true; role?: undefined } | { open?: false; role: Role });

/** A shorter key of MTM_API_KEYS may be guessed; those of the database have 256 random bits. */
const GUESSABLE_LENGTH = 32;

/** Who asks, of a request that the guard has let through. Of an open endpoint nobody knows. */
export function principalOf(ctx: Context): Principal {
  const { principal } = ctx.state as { principal?: Principal };
  if (principal === undefined) throw new Error(`${ctx.method} ${ctx.path} is open: nobody was asked who they are.`);
  return principal;
}

/** The one place where keys are looked at: of the header, the query and the session alike. */
export class Guard {
  readonly keys: KeyRing;
  readonly #env: Env;
  readonly #ofSettings: Buffer[];
  readonly #failed = new FailedKeys();
  readonly #open: OpenAnswers;

  constructor(env: Env, sequelize: Sequelize) {
    this.#env = env;
    this.keys = new KeyRing(sequelize);
    this.#ofSettings = env.apiKeys.map(sha256);
    this.#open = new OpenAnswers(async () => {
      const known = await this.keys.readAnew();
      return (principal) => this.#isStillIn(principal, known);
    });
  }

  /** Lets through who may, as the request's principal. What is open asks for nothing. */
  requireAccess({ open, role, ...way }: Access): Middleware {
    if (open) return async (_ctx, next) => await next();
    return async (ctx: Context, next: Next) => {
      const principal = await this.whoAsks(ctx, way);
      // Also of who is refused: the audit list has them.
      ctx.state.principal = principal;
      // Closed by default: code without types may have left the role out.
      const needed: Role = role ?? 'admin';
      if (!mayDo(principal.role, needed)) {
        throw new ApiError(
          403,
          `This needs the role ${needed}, and the key ${JSON.stringify(principal.name)} has the role ${principal.role}. Use a key with that role; an admin can make one.`,
          { code: 'insufficient_role' },
        );
      }
      await this.#open.during(ctx, principal, next);
    };
  }

  /** @throws ApiError 401, 429, or Error of the database, which has to be asked */
  async whoAsks(ctx: Context, { takesKeyFromQuery = false, alone = false }: Way = {}): Promise<Principal> {
    const key = keyOf(ctx, takesKeyFromQuery);
    if (key === undefined && this.#hasKeysOfSettings) throw new ApiError(401, KEY_MISSING);
    const ofSettings = key === undefined ? null : this.#principalOfSettings(ctx, key);
    if (ofSettings) return ofSettings;
    if (key !== undefined && this.#hasKeysOfSettings && formOf(key) !== 'whole') throw this.#refusalOf(ctx, key);
    const known = this.keys.fresh() ?? (await (alone ? this.keys.readOrKnown() : this.keys.read()));
    if (this.#isOpenWith(known)) return ANYONE;
    if (key === undefined) throw new ApiError(401, KEY_MISSING);
    return this.#principalOfDatabase(ctx, key, known);
  }

  /** The same, where nobody is a good answer: null. @throws Error of the database */
  async whoMayAsk(ctx: Context): Promise<Principal | null> {
    try {
      return await this.whoAsks(ctx, { alone: true });
    } catch (error) {
      if (error instanceof ApiError) return null;
      throw error;
    }
  }

  /** Whose a key is that a request brings in its body; null: the service asks for none. @throws ApiError 400, 429, or Error of the database */
  async whoHas(ctx: Context, key: string): Promise<Principal | null> {
    const ofSettings = this.#principalOfSettings(ctx, key);
    if (ofSettings) return ofSettings;
    const known = this.keys.fresh() ?? (await this.keys.read());
    return this.#isOpenWith(known) ? null : this.#principalOfDatabase(ctx, key, known, 400);
  }

  get #hasKeysOfSettings(): boolean {
    return this.#ofSettings.length > 0;
  }

  /** Whether everybody may do everything: there is no key, and no stranger reaches the address. */
  #isOpenWith(known: KnownKeys): boolean {
    return !this.#hasKeysOfSettings && known.byId.size === 0 && isOpenWithoutKeys(this.#env);
  }

  #isStillIn({ name, keyId }: Principal, known: KnownKeys): boolean {
    if (name === ANYONE.name) return this.#isOpenWith(known);
    const key = keyId === null ? undefined : known.byId.get(keyId);
    return keyId === null || (key !== undefined && !isExpired(key));
  }

  /** Compared by their hashes, in constant time. */
  #principalOfSettings(ctx: Context, key: string): Principal | null {
    const given = sha256(key);
    const at = this.#ofSettings.map((known) => timingSafeEqual(known, given)).indexOf(true);
    if (at === -1) return null;
    if (key.length < GUESSABLE_LENGTH) this.#checkWait(ctx);
    return { name: `MTM_API_KEYS #${at + 1}`, role: 'admin', keyId: null };
  }

  /** Found by its hash: how long that takes says something of a hash alone, from which no key follows. */
  #principalOfDatabase(ctx: Context, key: string, known: KnownKeys, refusedWith: 400 | 401 = 401): Principal {
    const found = known.bySha256.get(hashOf(key));
    if (found === undefined) throw this.#refusalOf(ctx, key, refusedWith);
    if (isExpired(found)) {
      // It lets nobody in; the audit list says whose it was.
      ctx.state.expiredKey = { name: found.name, role: found.role, keyId: found.id };
      throw new ApiError(
        refusedWith,
        `This API key expired at ${found.expires_at?.toISOString()}. Ask an admin for another one.`,
      );
    }
    this.keys.noteUse(found.id);
    return { name: found.name, role: found.role, keyId: found.id };
  }

  #refusalOf(ctx: Context, key: string, status: 400 | 401 = 401): ApiError {
    ctx.state.hasWrongKey = true;
    this.#checkWait(ctx);
    this.#failed.note(ctx.ip, hashOf(key));
    return new ApiError(status, formOf(key) === 'broken' ? KEY_BROKEN : KEY_UNKNOWN);
  }

  /** @throws ApiError 429 */
  #checkWait(ctx: Context): void {
    const waitS = this.#failed.waitOf(ctx.ip);
    if (waitS === null) return;
    ctx.set('Retry-After', String(waitS));
    throw new ApiError(
      429,
      `Too many wrong API keys came from ${ctx.ip}. Wait ${waitS} s, then send a right one. Keys of the database are let through meanwhile.`,
      { code: 'too_many_wrong_keys' },
    );
  }
}

const KEY_MISSING =
  'Send one of the API keys of this service: Authorization: Bearer <key>. In a browser, sign in on the page.';
const KEY_UNKNOWN =
  'This API key is none of this service, or was revoked. Send one that an admin made (mtm key add), or one of its MTM_API_KEYS; in a browser, sign in again.';
const KEY_BROKEN =
  'This API key is incomplete or mistyped: its checksum is wrong. Copy all of it; in a browser, sign in again.';

function keyOf(ctx: Context, takesKeyFromQuery: boolean): string | undefined {
  const [, fromHeader] = ctx.get('Authorization').match(/^Bearer +(\S+)$/i) ?? [];
  const { access_token: fromQuery } = takesKeyFromQuery ? ctx.query : {};
  return fromHeader ?? (typeof fromQuery === 'string' ? fromQuery : keyOfSession(ctx));
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
