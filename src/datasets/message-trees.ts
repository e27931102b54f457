import type { DuckDBConnection } from '@duckdb/node-api';
import { FORMATS } from './rows/formats.ts';
import { identifier, literal } from './sql.ts';

const { id: ID, parent: PARENT, text: TEXT, role: ROLE, deleted: DELETED } = FORMATS.tree;

/** Whether a file's rows are messages that say which message they answer, as OpenAssistant publishes them. */
export function isMessageTree(columns: string[]): boolean {
  return [ID, PARENT, TEXT, ROLE].every((name) => columns.includes(name));
}

/**
 * Rewrites a Parquet whose rows are the messages of trees so that its rows are conversations, one for each message that
 * nobody answered, in the order of the file. An answer that stands in several is learnt in the first alone; one that was
 * deleted, and what follows it, is left out.
 * @returns what was done, as a sentence
 */
export async function conversationsOfTrees(
  connection: DuckDBConnection,
  source: string,
  target: string,
  columns: string[],
): Promise<string> {
  const deleted = columns.includes(DELETED) ? `lower(trim(${identifier(DELETED)})) = 'true'` : 'false';
  await connection.run(
    `CREATE TABLE tree AS SELECT file_row_number AS row, ${identifier(ID)} AS id, nullif(trim(coalesce(${identifier(PARENT)}, '')), '') AS parent,
       ${identifier(ROLE)} AS role, ${identifier(TEXT)} AS content FROM read_parquet(${literal(source)}, file_row_number=true)
     WHERE NOT coalesce(${deleted}, false)`,
  );
  await connection.run(
    `CREATE TABLE threads AS WITH RECURSIVE thread AS (
       SELECT id, row, [row] AS rows FROM tree WHERE parent IS NULL
       UNION ALL
       SELECT tree.id, tree.row, list_append(thread.rows, tree.row) FROM thread JOIN tree ON tree.parent = thread.id
         WHERE NOT list_contains(thread.rows, tree.row))
     SELECT row AS leaf, rows FROM thread WHERE NOT EXISTS (FROM tree WHERE tree.parent = thread.id)`,
  );
  await connection.run(
    `CREATE TABLE placed AS SELECT leaf, row, place, row_number() OVER (PARTITION BY row ORDER BY leaf) = 1 AS is_first
     FROM (SELECT leaf, unnest(rows) AS row, generate_subscripts(rows, 1) AS place FROM threads)`,
  );
  const message = `CASE WHEN is_first THEN json_object('role', role, 'content', content) ELSE json_object('role', role, 'content', content, 'weight', 0) END`;
  await connection.run(
    `COPY (SELECT CAST(to_json(list(${message} ORDER BY place)) AS JSON) AS messages FROM placed JOIN tree USING (row) GROUP BY leaf ORDER BY leaf)
     TO ${literal(target)} (FORMAT parquet, COMPRESSION zstd)`,
  );
  const found = await connection.runAndReadAll(
    `SELECT (SELECT count(*) FROM read_parquet(${literal(source)}))::INTEGER AS all_rows, (SELECT count(*) FROM threads)::INTEGER AS threads,
       (SELECT count(*) FROM read_parquet(${literal(source)}) WHERE coalesce(${deleted}, false))::INTEGER AS deleted,
       (SELECT count(DISTINCT row) FROM placed)::INTEGER AS used`,
  );
  const [row = {}] = found.getRowObjectsJson();
  const [all, used, gone] = [Number(row.all_rows), Number(row.used), Number(row.deleted)];
  for (const table of ['placed', 'threads', 'tree']) await connection.run(`DROP TABLE ${table}`);
  const left = [
    ...(gone > 0 ? [`${gone} are marked as deleted`] : []),
    ...(all - used - gone > 0 ? [`${all - used - gone} answer a message that is not there`] : []),
  ];
  return `The ${all} rows of the file are messages of trees (${ID}, ${PARENT}); they were read as ${row.threads} conversations, each from a first message to one that nobody answered. ${
    left.length === 0 ? '' : `Left out: ${left.join(', ')}. `
  }An answer that stands in several conversations is learnt once.`;
}
