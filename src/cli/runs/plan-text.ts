/** Rows of a plan that say nothing to a person. */
const SILENT = ['mixing_version'];

/**
 * What POST /jobs/plan and /projects/plan answer, as indented names and values: whatever is in it, so that what a later version
 * of the API tells is shown as well.
 */
export function planText(plan: object): string {
  return linesOf(plan, '').join('\n');
}

function linesOf(value: object, indent: string): string[] {
  return Object.entries(value).flatMap(([name, part]: [string, unknown]) => {
    if (part === null || part === undefined || SILENT.includes(name)) return [];
    const label = `${indent}${name.replaceAll('_', ' ')}`;
    if (Array.isArray(part))
      return part.length === 0 ? [] : [`${label}:`, ...part.flatMap((item) => itemOf(item, `${indent}  `))];
    if (typeof part === 'object') return [`${label}:`, ...linesOf(part, `${indent}  `)];
    return [`${label}: ${shownValue(name, part)}`];
  });
}

function itemOf(item: unknown, indent: string): string[] {
  if (typeof item !== 'object' || item === null) return [`${indent}- ${String(item)}`];
  const [first = '', ...rest] = linesOf(item, `${indent}  `);
  return [`${indent}- ${first.trimStart()}`, ...rest];
}

/** Units are in the names. */
function shownValue(name: string, value: unknown): string {
  if (typeof value !== 'number') return String(value);
  if (/bytes/.test(name)) return `${(value / 1e9).toFixed(value < 1e8 ? 3 : 1)} GB`;
  return Number.isInteger(value) ? value.toLocaleString('en') : String(value);
}
