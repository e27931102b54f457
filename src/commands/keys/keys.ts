import { Op, type Transaction } from 'sequelize';
import { ApiKey } from '../../models/keys/api-key.ts';
import { isExpired } from '../../models/keys/key-ring.ts';
import { ANYONE, type Principal, type Role } from '../../models/keys/roles.ts';
import { aloneIn, withOwnName } from '../../models/named-rows.ts';
import { ConflictError, NotFoundError, UserError } from '../../platform/failure.ts';
import { hashOf, newKey } from '../../platform/key-text.ts';

/** Every API process reads all of them once a second. */
const MOST_KEYS = 1_000;

/** What whoever makes the first key has to know. */
export const FIRST_KEY_NOTICE =
  'From now on the service asks everybody for a key. Keep this one: with it you make the others. If it is lost, whoever has access to the machine makes another one: mtm key add NAME --role admin --local.';

/** What keeps a way in beside the keys of the database. */
export interface OtherWays {
  /** MTM_API_KEYS has one. */
  hasKeysOfSettings: boolean;
  /** Without any key everybody may do everything: no stranger reaches the address. */
  isOpenWithoutKeys: boolean;
}

export interface WantedKey {
  name: string;
  role: Role;
  /** null: it does not expire. */
  expiresAt: Date | null;
  /** See withinLimits. Null: any number. */
  maxOpenRuns?: number | null | undefined;
}

/**
 * Makes a key.
 * @returns the key, which is kept nowhere, and whether the service was open to all until now
 * @throws UserError, ConflictError
 */
export async function createKey(
  { name, role, expiresAt, maxOpenRuns = null }: WantedKey,
  by: Pick<Principal, 'name'>,
  { hasKeysOfSettings }: OtherWays,
): Promise<{ row: ApiKey; key: string; isFirst: boolean }> {
  requireFuture(expiresAt);
  return await aloneIn('api_keys', async (transaction) => {
    const count = await ApiKey.count({ where: { revoked_at: null }, transaction });
    const isFirst = count === 0 && !hasKeysOfSettings;
    if (!isFirst && by.name === ANYONE.name)
      throw new ConflictError('Somebody made the first key meanwhile. Send the request again with a key of an admin.');
    if (isFirst && role !== 'admin')
      throw new UserError(
        `role is ${role}, and this is the first key: from then on nobody could make another one. Make one with the role admin first.`,
        { field: 'role' },
      );
    if (count >= MOST_KEYS)
      throw new ConflictError(`There are ${count} keys, which is the most. Revoke some that nobody uses any more.`);
    const { key, publicPart } = newKey();
    const row = await named(name, () =>
      ApiKey.create(
        {
          name,
          role,
          expires_at: expiresAt,
          max_open_runs: maxOpenRuns,
          public_part: publicPart,
          sha256: hashOf(key),
          created_by: by.name,
        },
        { transaction },
      ),
    );
    return { row, key, isFirst };
  });
}

/** @throws NotFoundError, UserError, ConflictError */
export async function changeKey(
  id: number,
  {
    name,
    expiresAt,
    maxOpenRuns,
  }: Partial<Pick<WantedKey, 'maxOpenRuns'>> & {
    name?: string | undefined;
    expiresAt?: Date | null | undefined;
  },
): Promise<ApiKey> {
  requireFuture(expiresAt ?? null);
  return await aloneIn('api_keys', async (transaction) => {
    const row = await findKey(id, transaction);
    if (row.revoked_at !== null)
      throw new ConflictError(`The key ${id} was revoked, for good. Make another one in its place.`);
    const changes = {
      ...(name === undefined ? {} : { name }),
      ...(expiresAt === undefined ? {} : { expires_at: expiresAt }),
      ...(maxOpenRuns === undefined ? {} : { max_open_runs: maxOpenRuns }),
    };
    return await named(name ?? row.name, () => row.update(changes, { transaction }));
  });
}

/**
 * Revokes a key, for good. One that was revoked before stays as it is.
 * @throws NotFoundError; ConflictError where nobody could make or revoke keys any more
 */
export async function revokeKey(id: number, ways: OtherWays): Promise<ApiKey> {
  return await aloneIn('api_keys', async (transaction) => {
    const row = await findKey(id, transaction);
    if (row.revoked_at !== null) return row;
    await requireWayIn(row, ways, transaction);
    return await row.update({ revoked_at: new Date() }, { transaction });
  });
}

/** @throws NotFoundError */
export async function findKey(id: number, transaction: Transaction | null = null): Promise<ApiKey> {
  const row = await ApiKey.findByPk(id, { transaction });
  if (row === null) throw new NotFoundError(`Key ${id} not found.`);
  return row;
}

async function requireWayIn(row: ApiKey, ways: OtherWays, transaction: Transaction): Promise<void> {
  // Without it nothing is lost: a key of settings is a way in, and this one is none that makes others.
  if (ways.hasKeysOfSettings || !makesKeys(row)) return;
  const { id, name } = row;
  const others = await ApiKey.findAll({ where: { revoked_at: null, id: { [Op.ne]: id } }, transaction });
  if (others.some(makesKeys)) return;
  if (others.length > 0)
    throw new ConflictError(
      `${JSON.stringify(name)} is the last key of an admin: without it nobody could make or revoke keys, and ${others.length} other keys are left. Make another key with the role admin first, or revoke the others before it.`,
    );
  if (!ways.isOpenWithoutKeys)
    throw new ConflictError(
      `${JSON.stringify(name)} is the last key: without it nobody could use the service, which listens where strangers reach it. Make another key with the role admin first.`,
    );
}

function makesKeys({ role, expires_at: expires }: ApiKey): boolean {
  return role === 'admin' && !isExpired({ expires_at: expires ?? null });
}

function requireFuture(expiresAt: Date | null): void {
  if (expiresAt !== null && expiresAt.getTime() <= Date.now())
    throw new UserError(
      `expires_at is ${expiresAt.toISOString()}, which is past. Choose a later time, or revoke the key.`,
      { field: 'expires_at' },
    );
}

/** @throws ConflictError for a name that another key has */
async function named<T>(name: string, write: () => Promise<T>): Promise<T> {
  const sentence = `Another key has the name ${JSON.stringify(name)}. Choose another name, or revoke that key first.`;
  return await withOwnName(sentence, write);
}
