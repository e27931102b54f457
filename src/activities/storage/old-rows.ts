import { QueryTypes, type Transaction } from 'sequelize';
import { connection } from '../../models/runs/run.ts';
import type { Held, Kind } from './kind.ts';

const ROWS_AT_ONCE = 5_000;
const DAY_MS = 24 * 3_600_000;

interface OldRows {
  name: Kind['name'];
  /** An index of this column finds the oldest. Rows where it is null stay. */
  table: string;
  column: string;
  /** What they are together. */
  thing: string;
  title: string;
  /** Where rows of the table are not to be deleted by just anybody: removes those that are so old. */
  forget?: (keepDays: number) => Promise<unknown>;
}

/** Rows of a table that are not needed any more after some days. All of a time are one thing: nobody wants to hear of each. */
export function oldRows({ name, table, column, thing, title, forget }: OldRows): Kind {
  /** From the end of the day of the oldest one: they go once a day, and not each by itself. */
  const oldest = async (transaction: Transaction | null): Promise<Held | null> => {
    const [row] = await connection().query<{ oldest: Date | null; bytes: number }>(
      `SELECT (SELECT min(${column}) FROM ${table}) AS oldest, pg_total_relation_size('${table}') AS bytes`,
      { transaction, type: QueryTypes.SELECT },
    );
    if (!row?.oldest) return null;
    const since = new Date(Math.ceil(row.oldest.getTime() / DAY_MS) * DAY_MS);
    return { thing, name: title, run_id: null, bytes: row.bytes, since, pinned: null };
  };
  return {
    name,
    async *held() {
      const held = await oldest(null);
      if (held) yield held;
    },
    look: async (_env, _thing, transaction) => await oldest(transaction),
    async remove(_env, { keep_days }) {
      if (forget) {
        await forget(keep_days);
        return null;
      }
      for (;;) {
        const [gone] = await connection().query<{ n: number }>(
          `WITH gone AS (DELETE FROM ${table} WHERE ctid = ANY (ARRAY(
             SELECT ctid FROM ${table} WHERE ${column} < now() - make_interval(secs => $seconds) ORDER BY ${column} LIMIT ${ROWS_AT_ONCE})) RETURNING 1)
           SELECT count(*)::int AS n FROM gone`,
          { bind: { seconds: keep_days * 86_400 }, type: QueryTypes.SELECT },
        );
        if ((gone?.n ?? 0) < ROWS_AT_ONCE) return null;
      }
    },
  };
}
