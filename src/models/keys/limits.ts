import { QueryTypes, type Transaction } from 'sequelize';
import { askedByKey } from '../../platform/asked-by.ts';
import { LimitReachedError } from '../../platform/failure.ts';
import { connection } from '../runs/run.ts';

/** As the index runs_open_of_key has it. */
const OPEN = "status IN ('pending', 'queued', 'running')";

interface Limit {
  name: string;
  most: number;
}

/**
 * Adds a run for the key that asks, or refuses it where the key has as many as it may have. The key's row is locked from the
 * count to the commit, so that two requests cannot pass with one place left. A key without a limit waits for nobody.
 * @param transaction null: what adds the run is a statement of its own; it gets a transaction where there is something to count
 * @throws LimitReachedError
 */
export async function withinLimits<T>(
  transaction: Transaction | null,
  add: (transaction: Transaction | null) => Promise<T>,
): Promise<T> {
  const keyId = askedByKey();
  if (keyId === null) return await add(transaction);
  if (transaction) {
    await requirePlace(keyId, transaction);
    return await add(transaction);
  }
  if ((await limitOf(keyId, null)) === null) return await add(null);
  return await connection().transaction(async (own) => {
    await requirePlace(keyId, own);
    return await add(own);
  });
}

/** How many runs wait or are under way, by the ids of their keys; without those that have none. */
export async function openRunsOf(
  keyIds: number[],
  transaction: Transaction | null = null,
): Promise<Map<number, number>> {
  if (keyIds.length === 0) return new Map();
  const rows = await connection().query<{ key_id: number; count: number }>(
    `SELECT key_id, count(*)::integer AS count FROM runs WHERE key_id = ANY($keyIds::int[]) AND ${OPEN} GROUP BY key_id`,
    { bind: { keyIds }, type: QueryTypes.SELECT, transaction },
  );
  return new Map(rows.map(({ key_id, count }) => [key_id, count]));
}

async function requirePlace(keyId: number, transaction: Transaction): Promise<void> {
  const limit = await limitOf(keyId, transaction);
  if (limit === null) return;
  const used = (await openRunsOf([keyId], transaction)).get(keyId) ?? 0;
  if (used < limit.most) return;
  throw new LimitReachedError(
    `The key ${JSON.stringify(limit.name)} may have ${limit.most} ${limit.most === 1 ? 'run that waits or is' : 'runs that wait or are'} under way (max_open_runs), and has ${used}. Wait until one has ended, or cancel one; an admin can change the limit.`,
  );
}

/** In a transaction: locked. The count comes after it, by a statement of its own, which sees what was committed meanwhile. */
async function limitOf(keyId: number, transaction: Transaction | null): Promise<Limit | null> {
  const [limit] = await connection().query<Limit>(
    `SELECT name, max_open_runs AS most FROM api_keys WHERE id = $keyId AND max_open_runs IS NOT NULL ${transaction ? 'FOR NO KEY UPDATE' : ''}`,
    { bind: { keyId }, type: QueryTypes.SELECT, transaction },
  );
  return limit ?? null;
}
