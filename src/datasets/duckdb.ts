import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';

/**
 * A DuckDB in memory for one piece of work. One thread, so that files come out the same on every machine.
 * @param memoryLimit of its buffers, as DuckDB writes it (its process takes up to three times that).
 */
export async function withDuckDb<T>(
  memoryLimit: string,
  work: (connection: DuckDBConnection) => Promise<T>,
): Promise<T> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1', memory_limit: memoryLimit });
  const connection = await instance.connect();
  try {
    return await work(connection);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** A text as an SQL literal. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A name as an SQL identifier. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
