import type { RequestField } from '../../api/request-fields.ts';
import { count } from '../numbers.ts';

/**
 * What a text that was typed or chosen stands for in a request: a value, or why it is none. Null: it is empty, and the field is left out.
 * Empty pairs are a value: there are none.
 */
export type Read = { value: unknown } | { problem: string } | null;

const SEPARATORS = /[\s,;]+/;

export function readField(field: RequestField, text: string): Read {
  const given = text.trim();
  if (field.kind === 'pairs') return pairsOf(field, given);
  if (given === '') return null;
  switch (field.kind) {
    case 'integer':
    case 'number':
      return field.choices.includes(given) ? { value: given } : numberOf(field, given);
    case 'switch':
      return { value: given === 'true' };
    case 'names':
      return { value: given.split(SEPARATORS).filter(Boolean) };
    default:
      return { value: given };
  }
}

/** A name on each line, with what it stands for behind `=`. */
function pairsOf({ name }: RequestField, text: string): Read {
  const pairs = new Map<string, string>();
  for (const line of text.split('\n').filter((each) => each.trim() !== '')) {
    const [, key, value] = /^\s*(\S.*?)\s*=\s*(\S.*?)\s*$/.exec(line) ?? [];
    if (key === undefined || value === undefined)
      return { problem: `${name} has the line "${line.trim()}"; write a name, "=", and what it stands for.` };
    if (pairs.has(key)) return { problem: `${name} has ${key} twice. Take one of them out.` };
    pairs.set(key, value);
  }
  return { value: Object.fromEntries(pairs) };
}

function numberOf(field: RequestField, text: string): Read {
  const number = Number(text);
  const isWrong =
    Number.isNaN(number) || (field.kind === 'integer' && !Number.isInteger(number)) || !isWithin(field, number);
  if (!isWrong) return { value: number };
  const range = rangeOf(field);
  const may = [
    `${field.kind === 'integer' ? 'a whole number' : 'a number'}${range === '' ? '' : `, ${range}`}`,
    ...field.choices,
  ];
  return { problem: `${field.name} is ${text}; it must be ${may.join(', or ')}.` };
}

function isWithin({ least, most, isAbove, isBelow }: RequestField, number: number): boolean {
  const isLow = least !== null && (isAbove ? number <= least : number < least);
  const isHigh = most !== null && (isBelow ? number >= most : number > most);
  return !isLow && !isHigh;
}

/** The range of a number, such as `1 to 64`; '' where it has none. */
export function rangeOf({ least, most, isAbove, isBelow }: RequestField): string {
  const from = least === null ? '' : `${isAbove ? 'more than ' : ''}${written(least)}`;
  if (least !== null && most !== null) return `${from} to ${isBelow ? 'less than ' : ''}${written(most)}`;
  if (least !== null) return isAbove ? from : `${from} or more`;
  return most === null ? '' : `${isBelow ? 'less than' : 'at most'} ${written(most)}`;
}

/** Small ones as one types them, such as 1e-6. */
function written(bound: number): string {
  return Number.isInteger(bound) ? count(bound) : bound >= 0.001 ? String(bound) : bound.toExponential();
}

/** A value of a request as the text of its field. */
export function textOf(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (Array.isArray(value)) return value.join(', ');
  if (typeof value !== 'object') return String(value);
  return Object.entries(value)
    .map((pair) => pair.join(' = '))
    .join('\n');
}

/** Names of methods, as those who found them write them. */
const METHODS: Record<string, string> = {
  lora: 'LoRA',
  rslora: 'rsLoRA',
  dora: 'DoRA',
  loraplus: 'LoRA+',
  neftune: 'NEFTune',
};

/** A field's name as people write it: `Max length`. */
export function labelOf(name: string): string {
  const words = name
    .split('_')
    .map((word) => METHODS[word] ?? word)
    .join(' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}
