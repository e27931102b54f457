import type { DuckDBConnection } from '@duckdb/node-api';
import { claimedConversations } from './conversations.ts';
import { MAY_HOLD_MESSAGES } from './plain-conversations.ts';
import type { Mapping } from './rows/mapping.ts';
import { literal } from './sql.ts';
import type { UnusableRows, UnusedPart } from './told-of-rows.ts';

export interface RowCounts {
  rowCount: number;
  usableRowCount: number;
  unusable: UnusableRows[];
  unused: UnusedPart[];
}

const MOST_GROUPS = 50;

/** How many rows there are, which give no conversation under this mapping, and what of them is not used. */
export async function countRows(
  connection: DuckDBConnection,
  parquetPath: string,
  mapping: Mapping | null,
): Promise<RowCounts> {
  const { select, proof } = mapping
    ? await claimedConversations(connection, { parquetPath, mapping })
    : { select: withoutMapping(parquetPath), proof: null };
  let groups = await groupsOf(connection, select);
  if (proof && groups.some(({ problem }) => problem === MAY_HOLD_MESSAGES))
    groups = await groupsOf(connection, await proof.otherwise());
  else await proof?.note();
  const unusable = new Map<string, UnusableRows>();
  const unused = new Map<string, UnusedPart>();
  let rowCount = 0;
  for (const { rows, first_row, ...group } of groups) {
    rowCount += rows;
    if (group.problem !== null) {
      const known = unusable.get(group.problem);
      if (known) known.rows += rows;
      else unusable.set(group.problem, { problem: group.problem, rows, first_row });
    }
    for (const part of JSON.parse(group.unused ?? '[]') as string[]) {
      const known = unused.get(part);
      if (known) known.rows += rows;
      else unused.set(part, { part, rows, first_row });
    }
  }
  const reasons = [...unusable.values()];
  return {
    rowCount,
    usableRowCount: rowCount - reasons.reduce((total, { rows }) => total + rows, 0),
    unusable: withinBounds(reasons),
    unused: [...unused.values()].slice(0, MOST_GROUPS),
  };
}

function withoutMapping(parquetPath: string): string {
  return `(SELECT file_row_number AS row, 'no row format was recognised' AS problem, NULL::VARCHAR AS unused FROM read_parquet(${literal(parquetPath)}, file_row_number=true))`;
}

interface Group {
  problem: string | null;
  unused: string | null;
  rows: number;
  first_row: number;
}

async function groupsOf(connection: DuckDBConnection, rows: string): Promise<Group[]> {
  const found = await connection.runAndReadAll(
    `SELECT problem, unused, count(*)::INTEGER AS rows, min(row)::INTEGER AS first_row FROM ${rows} GROUP BY ALL ORDER BY first_row`,
  );
  return found.getRowObjectsJson() as unknown as Group[];
}

/** A file may give every row a reason of its own. */
function withinBounds(reasons: UnusableRows[]): UnusableRows[] {
  const [rest, ...others] = reasons.slice(MOST_GROUPS - 1);
  if (!rest || others.length === 0) return reasons;
  const rows = others.reduce((total, one) => total + one.rows, rest.rows);
  return [...reasons.slice(0, MOST_GROUPS - 1), { ...rest, problem: 'other reasons', rows }];
}
