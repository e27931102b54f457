import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';

export interface DuckDbLimits {
  /** Of its buffers, as DuckDB writes it; its process takes up to three times that. */
  memory: string;
  /** The only folders in which it may read and write. */
  folders: string[];
  threads: number;
}

/** A DuckDB in memory for one piece of work, which sees nothing of the machine but what it was given. */
export async function withDuckDb<T>(
  { memory, folders, threads }: DuckDbLimits,
  work: (connection: DuckDBConnection) => Promise<T>,
): Promise<T> {
  const instance = await DuckDBInstance.create(':memory:', { threads: String(threads), memory_limit: memory });
  const connection = await instance.connect();
  try {
    for (const setting of [
      `allowed_directories=[${folders.map((folder) => literal(`${folder}/`)).join(', ')}]`,
      `temp_directory=${literal(`${folders[0]}/spill`)}`,
      // For connection.progress, which is how far a query is.
      'enable_progress_bar=true',
      'enable_progress_bar_print=false',
      // For good: DuckDB does not let it be turned on again.
      'enable_external_access=false',
    ])
      await connection.run(`SET ${setting}`);
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
