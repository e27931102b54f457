/** A CSV with columns input and output: distinct short rows. */
export function csvRows(count: number, label = 'row'): string {
  const rows = Array.from({ length: count }, (_, i) => `${label} number ${i} please,answer ${i % 10}`);
  return ['input,output', ...rows].join('\n');
}
