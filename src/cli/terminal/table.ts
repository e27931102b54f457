import Table from 'cli-table3';

/** Rows under heads, without colours, so that it reads the same in a file. */
export function table(head: string[], rows: (string | number | null | undefined)[][]): string {
  const drawn = new Table({ head, style: { head: [], border: [], compact: true } });
  for (const row of rows) drawn.push(row.map((cell) => cell ?? ''));
  return drawn.toString();
}

/** Rows of columns without borders: what a person looks at often. */
export function columns(rows: string[][], gap = '  '): string {
  const widths = (rows[0] ?? []).map((_, index) => Math.max(...rows.map((row) => (row[index] ?? '').length)));
  return rows
    .map((row) =>
      row
        .map((cell, index) => cell.padEnd(widths[index] ?? 0))
        .join(gap)
        .trimEnd(),
    )
    .join('\n');
}

/** Names and values beside each other; what is null is left out. */
export function facts(pairs: [string, string | number | null | undefined][]): string {
  const known = pairs.filter(([, value]) => value !== null && value !== undefined && value !== '');
  const width = Math.max(...known.map(([name]) => name.length));
  return known.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
}
