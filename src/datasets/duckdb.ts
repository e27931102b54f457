import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { isDiskFull } from '../platform/files.ts';
import { literal } from './sql.ts';

export interface DuckDbLimits {
  /** Of its buffers, as DuckDB writes it; its process takes up to three times that. */
  memory: string;
  /**
   * When that did not suffice, the work is done again with so much, on one thread: everything is done piece by piece, but
   * a piece is 2048 rows, and there are files with a row of many megabytes.
   */
  moreMemory?: string | undefined;
  /** The only folders in which it may read and write. */
  folders: string[];
  /** All cores, unless said. */
  threads?: number | undefined;
}

/** A DuckDB in memory for one piece of work, which sees nothing of the machine but what it was given. */
export async function withDuckDb<T>(
  { moreMemory, ...limits }: DuckDbLimits,
  work: (connection: DuckDBConnection) => Promise<T>,
): Promise<T> {
  try {
    return await withInstance(limits, work);
  } catch (error) {
    if (moreMemory === undefined || !isOutOfMemory(error)) throw error;
    return await withInstance({ ...limits, memory: moreMemory, threads: 1 }, work);
  }
}

/** DuckDB needed more memory than it was given. */
export function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('Out of Memory') && !isDiskFull(error);
}

/** The path of a file that DuckDB was to read and that is not there, or null. */
export function fileThatIsGone(error: unknown): string | null {
  return (error instanceof Error && /No files found that match the pattern "(.*?)"/.exec(error.message)?.[1]) || null;
}

async function withInstance<T>(
  { memory, folders, threads = availableParallelism() }: DuckDbLimits,
  work: (connection: DuckDBConnection) => Promise<T>,
): Promise<T> {
  const instance = await DuckDBInstance.create(':memory:', { threads: String(threads), memory_limit: memory });
  const connection = await instance.connect();
  // Of its own, since others may be at work in the same folder; by its name it is swept when this process is killed.
  const spill = join(folders[0] ?? tmpdir(), `spill-${randomUUID()}.partial`);
  try {
    for (const setting of [
      `allowed_directories=[${folders.map((folder) => literal(`${folder}/`)).join(', ')}]`,
      `temp_directory=${literal(spill)}`,
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
    await rm(spill, { recursive: true, force: true });
  }
}
