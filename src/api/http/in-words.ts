import type { z } from 'zod';

type Issue = z.core.$ZodRawIssue;

/** What kinds of values are called, in the plain words of JSON. */
const KINDS: Record<string, string> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
  null: 'null',
};

/** What a value must be, where its schema does not say it in words of its own. Undefined: zod's own words are as good. */
export function inWords(issue: Issue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${kindOf(issue)}`;
    case 'invalid_value':
      return `must be ${oneOf(issue.values.map((value) => JSON.stringify(value)))}`;
    case 'too_small':
      return `must ${sizeOf(issue.origin, issue.inclusive === false ? 'more than' : 'at least', issue.minimum)}`;
    case 'too_big':
      return `must ${sizeOf(issue.origin, issue.inclusive === false ? 'less than' : 'at most', issue.maximum)}`;
    case 'invalid_key':
      return `has a name that cannot be used: ${issue.issues.map(({ message }) => message).join(', ')}`;
    case 'invalid_union':
      return 'options' in issue && Array.isArray(issue.options)
        ? `must be ${oneOf(issue.options.map((value) => JSON.stringify(value)))}`
        : unionInWords(issue.errors);
    default:
      return undefined;
  }
}

/** Of a value that is of the right kind for one of several, what is wrong there; else which kinds there are. */
function unionInWords(branches: z.core.$ZodIssue[][]): string | undefined {
  const nearest = branches.find(([first]) => first && !['invalid_type', 'invalid_value'].includes(first.code));
  const inner = nearest?.[0] ?? branches.flat().find(({ path }) => path.length > 0);
  if (inner) return inner.path.length > 0 ? `at ${inner.path.join('.')} it ${inner.message}` : inner.message;
  const kinds = branches.flatMap(([first]) => (first?.message.startsWith('must be ') ? [first.message.slice(8)] : []));
  return kinds.length > 0 ? `must be ${oneOf([...new Set(kinds)])}` : undefined;
}

function kindOf(issue: Issue): string {
  const expected = String(issue.format === 'safeint' ? 'int' : issue.expected);
  return KINDS[expected] ?? expected;
}

function sizeOf(origin: string, bound: string, size: number | bigint): string {
  if (origin === 'string') return `have ${bound} ${size} characters`;
  if (['array', 'set'].includes(origin)) return `have ${bound} ${size} entries`;
  return `be ${bound} ${size}`;
}

function oneOf(values: string[]): string {
  return values.length < 2 ? values.join('') : `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`;
}
