import type { RequestField } from '../../api/request-fields.ts';
import { count } from '../numbers.ts';

/** What a text that was typed or chosen stands for in a request: a value, or why it is none. Null: it is empty, and the field is left out. */
export type Read = { value: unknown } | { problem: string } | null;

const SEPARATORS = /[\s,;]+/;

export function readField(field: RequestField, text: string): Read {
  const given = text.trim();
  if (given === '') return null;
  switch (field.kind) {
    case 'integer':
    case 'number':
      return numberOf(field, given);
    case 'switch':
      return { value: given === 'true' };
    case 'names':
      return { value: given.split(SEPARATORS).filter(Boolean) };
    default:
      return { value: given };
  }
}

function numberOf(field: RequestField, text: string): Read {
  const number = Number(text);
  const isWrong =
    Number.isNaN(number) || (field.kind === 'integer' && !Number.isInteger(number)) || !isWithin(field, number);
  if (!isWrong) return { value: number };
  const range = rangeOf(field);
  return {
    problem: `${field.name} is ${text}; it must be ${field.kind === 'integer' ? 'a whole number' : 'a number'}${range === '' ? '' : `, ${range}`}.`,
  };
}

function isWithin({ least, most, isBelow }: RequestField, number: number): boolean {
  const isLow = least !== null && number < least;
  const isHigh = most !== null && (isBelow ? number >= most : number > most);
  return !isLow && !isHigh;
}

/** The range of a number, such as `1 to 64`; '' where it has none. */
export function rangeOf({ least, most, isBelow }: RequestField): string {
  if (least !== null && most !== null)
    return isBelow ? `${written(least)} to less than ${written(most)}` : `${written(least)} to ${written(most)}`;
  if (least !== null) return `${written(least)} or more`;
  return most === null ? '' : `${isBelow ? 'less than' : 'at most'} ${written(most)}`;
}

/** Small ones as one types them, such as 1e-6. */
function written(bound: number): string {
  return Number.isInteger(bound) ? count(bound) : bound >= 0.001 ? String(bound) : bound.toExponential();
}

/** A value of a request as the text of its field. */
export function textOf(value: unknown): string {
  if (value === null || value === undefined) return '';
  return Array.isArray(value) ? value.join(', ') : String(value);
}

/** A field's name as people write it: `Max length`. */
export function labelOf(name: string): string {
  const words = name.replaceAll('_', ' ').replace(/\blora\b/, 'LoRA');
  return words.charAt(0).toUpperCase() + words.slice(1);
}
