import type { DuckDBConnection } from '@duckdb/node-api';
import { columnTypes } from './columns.ts';
import { plainRow } from './plain-conversations.ts';
import type { Mapping } from './rows/mapping.ts';
import { identifier } from './sql.ts';

/** Rows that are written and, on the way, looked at. */
export interface Watched {
  /** Gives the same rows. */
  select: string;
  /** Once they were written: whether each gives a conversation of texts, and is used as a whole. */
  areUsableTexts: () => Promise<boolean>;
}

const FIRST_ROWS = 1000;
const SEQUENCE = 'rows_to_look_at';

/**
 * Rows that are texts need not be read again to be counted where none of them is unusable, has a part that is not used, or may
 * be more than text. DuckDB tells nothing of the rows that it writes; but a sequence tells whether a number was drawn from it.
 * Null where the mapping takes more than texts, or the first rows show already that it would be drawn from.
 */
export async function watchRows(
  connection: DuckDBConnection,
  select: string,
  mapping: Mapping,
): Promise<Watched | null> {
  const columns = await columnTypes(connection, `(${select})`);
  const row = plainRow(mapping, columns);
  if (row === null) return null;
  const needsALook = `((${row.problem}) IS NOT NULL OR (${row.unused}) IS NOT NULL)`;
  const first = await connection.runAndReadAll(
    `SELECT 1 FROM (${select} LIMIT ${FIRST_ROWS}) WHERE ${needsALook} LIMIT 1`,
  );
  if (first.currentRowCount > 0) return null;
  await connection.run(`CREATE OR REPLACE TEMP SEQUENCE ${SEQUENCE}`);
  const used = Object.values(mapping);
  const drawing = columns.find(({ name }) => used.includes(name))?.name;
  const cells = columns.map(({ name }) => {
    const cell = identifier(name);
    return name === drawing
      ? `CASE WHEN ${needsALook} AND nextval('${SEQUENCE}') IS NULL THEN NULL ELSE ${cell} END AS ${cell}`
      : cell;
  });
  return {
    select: `SELECT ${cells.join(', ')} FROM (${select})`,
    areUsableTexts: async () => {
      const found = await connection.runAndReadAll(
        `SELECT last_value FROM duckdb_sequences() WHERE sequence_name = '${SEQUENCE}'`,
      );
      return found.getRowObjectsJson()[0]?.last_value === null;
    },
  };
}
