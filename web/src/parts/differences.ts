/** What a request has otherwise than another. Null: it has no such field. */
export interface Difference {
  field: string;
  before: string | null;
  after: string | null;
}

/** What tells the parts of a list apart. */
const IDENTITIES = ['trait', 'trait_type', 'dataset_id'];

/** The fields in which two requests differ, in the order of the first. */
export function differencesOf(before: object, after: object): Difference[] {
  const [was, is] = [fieldsOf(before), fieldsOf(after)];
  return [...new Set([...was.keys(), ...is.keys()])]
    .map((field) => ({ field, before: was.get(field) ?? null, after: is.get(field) ?? null }))
    .filter((difference) => difference.before !== difference.after);
}

/** Each value with the way to it. A list of plain values is one. */
export function fieldsOf(value: unknown, path: string[] = []): Map<string, string> {
  if (value === undefined) return new Map();
  const isPlain = typeof value !== 'object' || value === null || (Array.isArray(value) && value.every(isPlainValue));
  if (isPlain) return new Map([[path.join(': '), Array.isArray(value) ? value.join(', ') : String(value)]]);
  const parts = Array.isArray(value)
    ? value.map((part, index) => [identityOf(part) ?? String(index + 1), part] as const)
    : Object.entries(value);
  return new Map(parts.flatMap(([name, part]) => [...fieldsOf(part, [...path, name])]));
}

function isPlainValue(value: unknown): boolean {
  return typeof value !== 'object' || value === null;
}

function identityOf(part: unknown): string | null {
  if (typeof part !== 'object' || part === null) return null;
  const identity = Object.entries(part).find(([name]) => IDENTITIES.includes(name));
  return identity === undefined ? null : `${identity[0].replace(/_.*/, '')} ${identity[1]}`;
}
