import { QueryTypes, type Transaction } from 'sequelize';
import { connection } from '../../models/runs/run.ts';
import type { Held, Kind } from './kind.ts';

const KEYS_AT_ONCE = 20_000;
const DAY_MS = 24 * 3_600_000;

/** All keys of a time are one thing: nobody wants to hear of each. */
export const idempotencyKeys: Kind = {
  name: 'idempotency_keys',
  async *held() {
    const held = await oldest(null);
    if (held) yield held;
  },
  look: async (_env, _thing, transaction) => await oldest(transaction),
  async remove(_env, { keep_days }) {
    for (;;) {
      const [gone] = await connection().query<{ n: number }>(
        `WITH gone AS (DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY(
           SELECT ctid FROM idempotency_keys WHERE created_at < now() - make_interval(secs => $seconds) ORDER BY created_at LIMIT ${KEYS_AT_ONCE})) RETURNING 1)
         SELECT count(*)::int AS n FROM gone`,
        { bind: { seconds: keep_days * 86_400 }, type: QueryTypes.SELECT },
      );
      if ((gone?.n ?? 0) < KEYS_AT_ONCE) return null;
    }
  },
};

/** From the end of the day of the oldest one: they go once a day, and not each by itself. */
async function oldest(transaction: Transaction | null): Promise<Held | null> {
  const [row] = await connection().query<{ created_at: Date | null; bytes: number }>(
    `SELECT (SELECT min(created_at) FROM idempotency_keys) AS created_at, pg_total_relation_size('idempotency_keys') AS bytes`,
    { transaction, type: QueryTypes.SELECT },
  );
  if (!row?.created_at) return null;
  const since = new Date(Math.ceil(row.created_at.getTime() / DAY_MS) * DAY_MS);
  return {
    thing: 'keys',
    name: 'Idempotency-Keys with their answers',
    run_id: null,
    bytes: row.bytes,
    since,
    pinned: null,
  };
}
