import { QueryTypes, type Transaction } from 'sequelize';
import { connection } from '../../models/runs/run.ts';
import type { Held, Kind } from './kind.ts';

const ROWS_AT_ONCE = 5_000;
const DAY_MS = 24 * 3_600_000;

/** All of a time are one thing: nobody wants to hear of each. What is still to be told stays. */
export const notificationDeliveries: Kind = {
  name: 'notification_deliveries',
  async *held() {
    const held = await oldest(null);
    if (held) yield held;
  },
  look: async (_env, _thing, transaction) => await oldest(transaction),
  async remove(_env, { keep_days }) {
    for (;;) {
      const [gone] = await connection().query<{ n: number }>(
        `WITH gone AS (DELETE FROM notification_deliveries WHERE id = ANY (ARRAY(
           SELECT id FROM notification_deliveries WHERE finished_at < now() - make_interval(secs => $seconds) ORDER BY finished_at LIMIT ${ROWS_AT_ONCE})) RETURNING 1)
         SELECT count(*)::int AS n FROM gone`,
        { bind: { seconds: keep_days * 86_400 }, type: QueryTypes.SELECT },
      );
      if ((gone?.n ?? 0) < ROWS_AT_ONCE) return null;
    }
  },
};

/** From the end of the day of the oldest one: they go once a day, and not each by itself. */
async function oldest(transaction: Transaction | null): Promise<Held | null> {
  const [row] = await connection().query<{ finished_at: Date | null; bytes: number }>(
    `SELECT (SELECT min(finished_at) FROM notification_deliveries) AS finished_at, pg_total_relation_size('notification_deliveries') AS bytes`,
    { transaction, type: QueryTypes.SELECT },
  );
  if (!row?.finished_at) return null;
  const since = new Date(Math.ceil(row.finished_at.getTime() / DAY_MS) * DAY_MS);
  return { thing: 'deliveries', name: 'deliveries to receivers', run_id: null, bytes: row.bytes, since, pinned: null };
}
