import { createHash } from 'node:crypto';
import { QueryTypes, type Sequelize, type Transaction } from 'sequelize';
import { isDatabaseAway } from '../../platform/postgres/database-away.ts';
import { ApiError } from './errors.ts';
import { IDEMPOTENCY_HEADER } from './shared-schema.ts';

export interface RepeatableRequest {
  /** What the client sent as Idempotency-Key; undefined: this request stands for itself. */
  key: string | undefined;
  /** Method, the path's pattern, and its parameters, however the path was written: the same key may be used for another thing. */
  scope: string;
  /** What makes a request the same one: its body as it was sent, since what is read from that may change with a version. */
  fingerprint: string;
  /** The same request as version 1.0 kept it: by the path as it was written, and the body with its defaults. */
  formerly: { scopes: string[]; fingerprint: string };
}

/**
 * Creates something once per key. The key's row is written first and in the same transaction: a second request that
 * comes meanwhile waits for it, and a crash leaves either both or neither.
 *
 * A COMMIT whose answer is lost was carried out or was not. With a key that can be found out, by asking for it again: the
 * second transaction waits for the end of the first, and then finds the key, or creates.
 * @returns the answer, and whether it is that of an earlier request.
 * @throws ApiError 409 for a key that was used for something else.
 */
export async function createOnce(
  sequelize: Sequelize,
  { key, scope, fingerprint, formerly }: RepeatableRequest,
  create: (transaction: Transaction) => Promise<unknown>,
): Promise<Answer> {
  if (key === undefined) {
    return { answer: await sequelize.transaction((transaction) => create(transaction)), replayed: false };
  }
  const same = { key, scope, sha256: sha256(fingerprint), formerly };
  let toBeCommitted = null as Answer | null;
  try {
    return await sequelize.transaction(async (transaction) => {
      toBeCommitted = await createUnderKey(sequelize, same, create, transaction);
      return toBeCommitted;
    });
  } catch (error) {
    if (!toBeCommitted || !isDatabaseAway(error)) throw error;
    const { replayed } = toBeCommitted;
    const { answer } = await sequelize.transaction((transaction) =>
      createUnderKey(sequelize, same, create, transaction),
    );
    return { answer, replayed };
  }
}

/** `replayed`: it is that of an earlier request. */
interface Answer {
  answer: unknown;
  replayed: boolean;
}

async function createUnderKey(
  sequelize: Sequelize,
  {
    key,
    scope,
    sha256: expected,
    formerly,
  }: Pick<RepeatableRequest, 'scope' | 'formerly'> & { key: string; sha256: string },
  create: (transaction: Transaction) => Promise<unknown>,
  transaction: Transaction,
): Promise<Answer> {
  const bind = { key, scope, formerScopes: formerly.scopes };
  const inserted = await sequelize.query(
    `INSERT INTO idempotency_keys (key, scope, request_sha256)
     SELECT $key::text, $scope::text, $sha256::text WHERE NOT EXISTS (
       SELECT 1 FROM idempotency_keys WHERE key = $key::text AND scope = ANY ($formerScopes::text[]))
     ON CONFLICT DO NOTHING RETURNING key`,
    { bind: { ...bind, sha256: expected }, type: QueryTypes.SELECT, transaction },
  );
  if (inserted.length > 0) {
    const answer = await create(transaction);
    await sequelize.query('UPDATE idempotency_keys SET answer = $answer WHERE scope = $scope AND key = $key', {
      bind: { key, scope, answer: JSON.stringify(answer) },
      transaction,
    });
    return { answer, replayed: false };
  }
  const [earlier] = await sequelize.query<{ scope: string; request_sha256: string; answer: unknown }>(
    `SELECT scope, request_sha256, answer FROM idempotency_keys
     WHERE key = $key::text AND (scope = $scope::text OR scope = ANY ($formerScopes::text[])) ORDER BY created_at LIMIT 1`,
    { bind, type: QueryTypes.SELECT, transaction },
  );
  if (earlier?.request_sha256 !== (earlier?.scope === scope ? expected : sha256(formerly.fingerprint))) {
    throw new ApiError(
      409,
      `${IDEMPOTENCY_HEADER} ${JSON.stringify(key)} was used with another request. Send a new key for a new request.`,
    );
  }
  return { answer: earlier.answer, replayed: true };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
