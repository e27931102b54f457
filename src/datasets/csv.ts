import type { DuckDBConnection } from '@duckdb/node-api';
import { type Dialect, dialectOf } from './csv-dialect.ts';
import { DatasetError } from './dataset-error.ts';
import type { BadRows } from './good-rows.ts';
import {
  LONGEST_ROW_BYTES,
  MOST_OTHERS,
  messageOf,
  type Reading,
  RowTooLong,
  rowsTooLong,
  type WrongRow,
  wrongRows,
} from './reading.ts';
import { identifier, literal } from './sql.ts';

/** The same, without the rows that cannot be read. @throws DatasetError where a quote is never closed, which takes all behind it along */
export async function readGoodCsvRows(path: string, longestRowBytes: number): Promise<Reading> {
  const dialect = await dialectOf(path);
  const reading = await readCsv(path, longestRowBytes);
  const all = table(path, dialect, longestRowBytes);
  const good = table(path, dialect, longestRowBytes, ', store_rejects=true, rejects_limit=0');
  return {
    ...reading,
    select: reading.select.replace(all, () => good),
    leftOut: (connection) => leftOut(connection, dialect),
  };
}

async function leftOut(connection: DuckDBConnection, dialect: Dialect): Promise<BadRows | null> {
  const wrong = await rejectsIn(connection, dialect, 1);
  const [first] = wrong;
  if (!first) return null;
  if (first.problem.includes(NOT_CLOSED)) throw wrongRows('CSV', [first], REMEDY);
  const found = await connection.runAndReadAll(
    'SELECT count(DISTINCT line)::INTEGER AS rows FROM reject_errors WHERE scan_id = (SELECT max(scan_id) FROM reject_errors)',
  );
  return { rows: Number(found.getRowObjectsJson()[0]?.rows), line: first.line, problem: first.problem };
}

/** Read with explicit texts, so that `007`, `1e5`, `NA` and dates stay what they are. */
export async function readCsv(path: string, longestRowBytes: number): Promise<Reading> {
  const dialect = await dialectOf(path);
  const columns = dialect.columns.filter((name) => name !== '');
  const cells = columns.map((name) => {
    const cell = identifier(name);
    return dialect.blankBefore.has(name) ? `regexp_replace(${cell}, '^ ', '') AS ${cell}` : cell;
  });
  return {
    columns,
    select: `SELECT ${cells.join(', ')} FROM ${table(path, dialect, longestRowBytes)}`,
    notes: notesOn(dialect),
    explain: (error, connection) => explain(error, connection, path, dialect, longestRowBytes),
  };
}

function notesOn({ names, columns, blankBefore }: Dialect): string[] {
  const hasBlanks = names.some((name, i) => columns[i] !== '' && columns[i] !== name);
  return [
    ...(columns[0] === ''
      ? ['The first column has no name: it was taken for an index, as pandas writes one, and left out.']
      : []),
    ...(hasBlanks ? ['Blanks around the names of columns were left out.'] : []),
    ...(blankBefore.size > 0
      ? [
          `A blank follows each delimiter before ${[...blankBefore].join(', ')}; it was taken for part of the delimiter.`,
        ]
      : []),
  ];
}

/** What the column without a name is called while the file is read. */
const INDEX_COLUMN = ' index';

function table(path: string, dialect: Dialect, longestRowBytes: number, options = ''): string {
  const { delimiter, hasSeparatorLine } = dialect;
  const columns = dialect.columns.map((name) => name || INDEX_COLUMN);
  const types = columns.map((name) => `${literal(name)}: 'VARCHAR'`).join(', ');
  const names = columns.map(literal).join(', ');
  return `read_csv(${literal(path)}, auto_detect=false, header=true, skip=${hasSeparatorLine ? 1 : 0}, delim=${literal(delimiter)},
    quote='"', escape='"', columns={${types}}, force_not_null=[${names}], strict_mode=true,
    max_line_size=${longestRowBytes}, buffer_size=${2 * longestRowBytes}${options})`;
}

/** Where a cell goes on beyond what is read at once, DuckDB says so too. */
const NOT_CLOSED = `is never closed, or is longer than ${LONGEST_ROW_BYTES[1] / 1024 ** 2} MiB`;

const REMEDY = 'Mend that line and upload the file again.';
const SKIP = 'Or upload it with on_bad_rows: skip, which leaves out what cannot be read.';

async function explain(
  error: unknown,
  connection: DuckDBConnection,
  path: string,
  dialect: Dialect,
  longestRowBytes: number,
): Promise<DatasetError> {
  const tooLong = rowsTooLong(error);
  if (tooLong) return tooLong;
  if (/maximum line size|max_line_size|buffer_size/i.test(messageOf(error))) {
    return new RowTooLong(
      `file has a record of more than ${longestRowBytes} bytes. Split it; or close the quote that is opened in it and never closed.`,
    );
  }
  const wrong = await rejectedRows(connection, path, dialect, longestRowBytes).catch(() => []);
  const [first, ...others] = wrong;
  if (first) {
    // Nobody knows where such a row ends, so none can be left out.
    if (first.problem.includes(NOT_CLOSED)) return new RowTooLong(wrongRows('CSV', [first, ...others], REMEDY).message);
    return wrongRows('CSV', [first, ...others], `${REMEDY} ${SKIP}`);
  }
  const [what = ''] = messageOf(error).split('\n');
  return new DatasetError(`file is not valid CSV: ${what.trim()}. ${REMEDY}`);
}

async function rejectedRows(
  connection: DuckDBConnection,
  path: string,
  dialect: Dialect,
  longestRowBytes: number,
): Promise<WrongRow[]> {
  const all = table(path, dialect, longestRowBytes, `, store_rejects=true, rejects_limit=${10 * (MOST_OTHERS + 1)}`);
  // Every column is asked for: what is not asked for is not checked.
  await connection.run(`SELECT count(*) FROM (SELECT hash(*COLUMNS(*)) AS h FROM ${all}) WHERE h = 0`);
  return await rejectsIn(connection, dialect, MOST_OTHERS + 1);
}

/** What the last read that kept its rejects could not read. */
async function rejectsIn(connection: DuckDBConnection, dialect: Dialect, most: number): Promise<WrongRow[]> {
  const found = await connection.runAndReadAll(
    `SELECT line, min_by(error_type, column_idx) AS type, min_by(error_message, column_idx) AS message, min_by(column_name, column_idx) AS column_name,
       bool_or(regexp_matches(csv_line, ${literal(goesOnAfterQuote(dialect))})) AS goes_on
     FROM reject_errors WHERE scan_id = (SELECT max(scan_id) FROM reject_errors) GROUP BY line ORDER BY line LIMIT ${most}`,
  );
  return found.getRowObjectsJson().map(({ line, type, message, column_name, goes_on }) => {
    const column = column_name === null ? null : String(column_name);
    return { line: Number(line), problem: problemOf(String(type), String(message), column, goes_on === true, dialect) };
  });
}

/** For RE2: in a record, a quoted cell that is closed and goes on. DuckDB says of it what it says of one never closed. */
function goesOnAfterQuote({ delimiter }: Dialect): string {
  const quoted = '"(?:[^"]|"")*"';
  const other = `[^"\\r\\n${delimiter}]`;
  return `^(?:(?:${quoted}|${other}[^\\r\\n${delimiter}]*|)[${delimiter}])*${quoted}${other}`;
}

/** DuckDB's words as ours, without its advice on options that our users cannot set. */
function problemOf(
  type: string,
  message: string,
  column: string | null,
  goesOn: boolean,
  { columns }: Dialect,
): string {
  const cells = message.match(/Expected Number of Columns: (\d+) Found: (\d+)/i);
  if (cells)
    return `it has ${cells[2]} cell${cells[2] === '1' ? '' : 's'} where the header has ${columns.length} (${columns.join(', ').slice(0, 200)})`;
  const where = column === null ? '' : ` in the column ${JSON.stringify(column)}`;
  if (type === 'UNQUOTED VALUE') {
    return goesOn
      ? `a quoted cell${where} goes on after its closing quote; double the quotes that are inside of it`
      : `a quoted cell${where} ${NOT_CLOSED}`;
  }
  return `${(message.split('\n')[0] ?? message).trim()}${where}`;
}
