import { createHash } from 'node:crypto';
import { QueryTypes, type Sequelize, type Transaction } from 'sequelize';
import { ApiError } from './errors.ts';
import { IDEMPOTENCY_HEADER } from './shared-schema.ts';

const KEEP_DAYS = 7;

export interface RepeatableRequest {
  /** What the client sent as Idempotency-Key; undefined: this request stands for itself. */
  key: string | undefined;
  /** Method and path: the same key may be used for another thing. */
  scope: string;
  /** What makes a request the same one. */
  fingerprint: string;
}

/**
 * Creates something once per key. The key's row is written first and in the same transaction: a second request that
 * comes meanwhile waits for it, and a crash leaves either both or neither.
 * @returns the answer, and whether it is that of an earlier request.
 * @throws ApiError 409 for a key that was used for something else.
 */
export async function createOnce(
  sequelize: Sequelize,
  { key, scope, fingerprint }: RepeatableRequest,
  create: (transaction: Transaction) => Promise<unknown>,
): Promise<{ answer: unknown; replayed: boolean }> {
  if (key === undefined) {
    return { answer: await sequelize.transaction((transaction) => create(transaction)), replayed: false };
  }
  const bind = { key, scope, sha256: createHash('sha256').update(fingerprint).digest('hex') };
  return await sequelize.transaction(async (transaction) => {
    const inserted = await sequelize.query(
      'INSERT INTO idempotency_keys (key, scope, request_sha256) VALUES ($key, $scope, $sha256) ON CONFLICT DO NOTHING RETURNING key',
      { bind, type: QueryTypes.SELECT, transaction },
    );
    if (inserted.length > 0) {
      const answer = await create(transaction);
      await sequelize.query('UPDATE idempotency_keys SET answer = $answer WHERE scope = $scope AND key = $key', {
        bind: { key, scope, answer: JSON.stringify(answer) },
        transaction,
      });
      return { answer, replayed: false };
    }
    const [earlier] = await sequelize.query<{ request_sha256: string; answer: unknown }>(
      'SELECT request_sha256, answer FROM idempotency_keys WHERE scope = $scope AND key = $key',
      { bind: { key, scope }, type: QueryTypes.SELECT, transaction },
    );
    if (earlier?.request_sha256 !== bind.sha256) {
      throw new ApiError(
        409,
        `${IDEMPOTENCY_HEADER} ${JSON.stringify(key)} was used with another request. Send a new key for a new request.`,
      );
    }
    return { answer: earlier.answer, replayed: true };
  });
}

/** Forgets keys that nobody repeats any more. */
export async function forgetOldKeys(sequelize: Sequelize): Promise<void> {
  await sequelize.query(`DELETE FROM idempotency_keys WHERE created_at < now() - interval '${KEEP_DAYS} days'`);
}
