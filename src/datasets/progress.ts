import type { DuckDBConnection } from '@duckdb/node-api';

const SAY_EVERY_MS = 200;

/**
 * Says how far work is, in percent that never fall: each of `steps` counts as much as the others, and within one it is what
 * DuckDB says of its statement. The work calls `next` when a step is done.
 */
export async function withProgress<T>(
  connection: DuckDBConnection,
  onProgress: (percent: number) => void,
  work: (next: () => void) => Promise<T>,
  steps = 1,
): Promise<T> {
  let done = 0;
  let said = 0;
  const telling = setInterval(() => {
    const within = Math.min(100, Math.max(0, connection.progress.percentage)) / 100;
    const percent = Math.min(100, (100 * (done + within)) / steps);
    if (percent <= said) return;
    said = percent;
    onProgress(percent);
  }, SAY_EVERY_MS);
  try {
    return await work(() => {
      done++;
    });
  } finally {
    clearInterval(telling);
  }
}
