/** Of what is due by a time. */
export interface TimedRow {
  id: number;
  /** The time, to the microsecond. */
  place: string;
}

const ROWS_AT_ONCE = 200;

/**
 * Rows whose time is before one, oldest first, with one page of them in memory.
 * @param columns the time and the id, as SQL, by which an index has them
 * @param read the rows of this condition, with an order and a limit in it, and what it is bound to
 */
export async function* oldestFirst<Row extends TimedRow>(
  columns: { time: string; id: string },
  before: Date | undefined,
  read: (where: string, bind: object) => Promise<Row[]>,
): AsyncGenerator<Row> {
  const { time, id } = columns;
  const where = `${time} < $before AND (${time}, ${id}) > ($at::timestamptz, $id) ORDER BY ${time}, ${id} LIMIT ${ROWS_AT_ONCE}`;
  for (let after = { at: '-infinity', id: 0 }; ; ) {
    const rows = await read(where, { before: before ?? 'infinity', ...after });
    yield* rows;
    const last = rows.at(-1);
    if (!last || rows.length < ROWS_AT_ONCE) return;
    after = { at: last.place, id: last.id };
  }
}
