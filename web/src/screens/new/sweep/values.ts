/** How values are taken: each with each of the others, or so many that are drawn. */
export type Method = 'grid' | 'random';

const RANGE = /^(\S+) to (\S+?)( log)?$/;

/** What was typed as the values of a hyperparameter: a list, or of a random search what lies between two. */
export function valuesOf(text: string, method: Method): unknown {
  const [, min, max, log] = RANGE.exec(text.trim()) ?? [];
  if (method === 'grid' || min === undefined || max === undefined) return listOf(text);
  return { min: readValue(min), max: readValue(max), ...(log === undefined ? {} : { scale: 'log' }) };
}

/** Values with commas between them. */
export function listOf(text: string): unknown[] {
  return text.split(',').flatMap((part) => (part.trim() === '' ? [] : [readValue(part.trim())]));
}

/** A value as JSON has it; what is no value stays as it was typed. */
export function readValue(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true';
  const number = Number(text);
  return Number.isNaN(number) ? text : number;
}

/** A field of a request; without it where nothing was typed. */
export function leftOutOr(name: string, text: string): Record<string, unknown> {
  return text.trim() === '' ? {} : { [name]: readValue(text.trim()) };
}
