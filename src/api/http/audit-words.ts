import { AUDITED_KINDS } from '../../models/audit/kinds.ts';
import { withoutSecrets } from '../../platform/key-text.ts';

const MOST_CHARACTERS = 2_000;
const MOST_OF_A_VALUE = 200;
const MOST_OF_AN_ID = 255;

/** Names of what no list may show, wherever they stand in a body. */
const SECRET = /key|token|secret|password|passphrase|credential|authorization|cookie/i;
/** Texts of people and of their data, and addresses of webhooks, which often are secrets: that they were sent is said, not what they are. */
const CONTENT = /^(content|messages|prompt|question|text|rows|data|file|url)$/i;
const NOT_KEPT = '(not kept)';

/** Numbers with such names count tokens. */
const isSecret = (name: string, value: unknown) =>
  SECRET.test(name) && typeof value !== 'number' && typeof value !== 'boolean' && value !== null;

/**
 * What a request asks for, for people: names and values of all parameters but the one that names the thing itself, and of the
 * body. Nothing secret and nothing of content is in it, and no value is long.
 */
export function changesInWords(route: string, params: unknown, query: unknown, body: unknown): string {
  const [own] = parametersOf(route);
  const fields = [...fieldsOf(params).filter(([name]) => name !== own), ...fieldsOf(query), ...fieldsOf(body)];
  return storable(fields.map(([name, value]) => `${name}: ${shown(name, value)}`).join('; '), MOST_CHARACTERS);
}

/** Which thing a request is about: `job` and `12` of /jobs/12. @param location where a created thing is found then */
export function entityOf(route: string, params: unknown, location?: string): { kind: string; id: string | null } {
  const [own] = parametersOf(route);
  const [, first = ''] = (own === undefined ? (location ?? route) : route).split('/');
  const found = fieldsOf(params).find(([name]) => name === own);
  return { kind: AUDITED_KINDS[first] ?? first, id: found === undefined ? null : idInWords(found[1]) };
}

export function idInWords(id: unknown): string {
  return storable(String(id), MOST_OF_AN_ID);
}

/** PostgreSQL's texts have no NUL, and no half of a surrogate pair. */
export function storable(text: string, most: number): string {
  const whole = withoutSecrets(text).replace(/\0|\p{Surrogate}/gu, '\u{fffd}');
  const characters = [...whole];
  return characters.length > most ? `${characters.slice(0, most - 1).join('')}…` : whole;
}

function shown(name: string, value: unknown): string {
  if (isSecret(name, value) || CONTENT.test(name)) return NOT_KEPT;
  const keep = (key: string, inner: unknown) => (isSecret(key, inner) || CONTENT.test(key) ? NOT_KEPT : inner);
  try {
    return storable(JSON.stringify(value, keep) ?? String(value), MOST_OF_A_VALUE);
  } catch {
    // JSON.parse takes any depth; JSON.stringify ends at the end of the stack.
    return '(nested too deeply to show)';
  }
}

function parametersOf(route: string): string[] {
  return [...route.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
}

function fieldsOf(value: unknown): [string, unknown][] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).filter(([, field]) => field !== undefined);
}
