import { readTools } from './calls.ts';
import { isEmpty, RowProblem, type Unused } from './fields.ts';
import { FORMATS } from './formats.ts';
import { isObject, type Json, type JsonObject, numberText, parseAsWritten } from './json-value.ts';
import { standsForNothing } from './texts.ts';

/** A cell that holds messages: a list of them, one, or an object that has them beside the tools. */
export function isConversation(cell: Json | undefined): boolean {
  const value = typeof cell === 'string' ? maybeJson(cell) : cell;
  if (isObject(value)) return Array.isArray(value.messages) || isMessage(value);
  return (
    Array.isArray(value) && value.some((one) => one !== null) && value.every((one) => one === null || isMessage(one))
  );
}

function isMessage(value: Json): boolean {
  const { role, content } = FORMATS.message;
  if (!isObject(value) || 'status' in value) return false;
  return (
    role.some((name) => typeof value[name] === 'string') &&
    [...content, 'tool_calls', 'function_call'].some((name) => name in value)
  );
}

/** The messages that a cell holds, and the tools beside them. @throws RowProblem, which names the likely cause */
export function conversationCell(
  cell: Json | undefined,
  what: string,
  unused: Unused,
): { list: Json[]; tools: JsonObject[] | null } {
  if (isNothing(cell)) throw new RowProblem('there are no messages');
  const value = typeof cell === 'string' ? jsonList(cell, what) : cell;
  if (isObject(value)) {
    if (Array.isArray(value.messages)) return { list: value.messages, tools: readTools(value.tools, unused) };
    if (isMessage(value)) return { list: [value], tools: null };
    const rows = rowsOf(value);
    if (rows) return { list: rows, tools: null };
  }
  if (!Array.isArray(value)) throw new RowProblem(`the ${what} are no list`);
  return { list: value, tools: null };
}

/** Messages as a table by columns, in which Hugging Face datasets keep a sequence of objects: a list of roles, and one of texts. */
function rowsOf(value: JsonObject): JsonObject[] | null {
  const { role, content } = FORMATS.message;
  const columns = Object.entries(value).filter(([, column]) => column !== null);
  const [first] = columns.map(([, column]) => column);
  const named = (names: string[]) => columns.some(([name]) => names.includes(name));
  if (!Array.isArray(first) || !named(role) || !named(content)) return null;
  if (!columns.every(([, column]) => Array.isArray(column) && column.length === first.length)) return null;
  return first.map((_one, i) =>
    Object.fromEntries(columns.map(([name, column]) => [name, (column as Json[])[i] ?? null])),
  );
}

const PYTHON_TEXT = /^\s*[[{]+\s*(?:array\()?[[{\s]*'/;

/** @throws RowProblem */
export function jsonList(text: string, what: string): Json {
  try {
    return parseAsWritten(text);
  } catch {
    if (PYTHON_TEXT.test(text)) {
      throw new RowProblem(
        `the ${what} are Python text, as str() and to_csv write it, and no JSON; write them with json.dumps, or the file as JSON lines`,
      );
    }
    throw new RowProblem(`the ${what} are no JSON list`);
  }
}

/** What a text holds, where it may be a list or an object. */
export function maybeJson(text: string): Json | undefined {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    return parseAsWritten(text);
  } catch {
    return undefined;
  }
}

export function isTrue(cell: Json | undefined): boolean {
  return cell === true || /^\s*(true|1|1\.0)\s*$/i.test(textOf(cell));
}

export function isFalse(cell: Json | undefined): boolean {
  return cell === false || /^\s*(false|0|0\.0)\s*$/i.test(textOf(cell));
}

function textOf(cell: Json | undefined): string {
  return cell === undefined || cell === null ? '' : (numberText(cell) ?? (typeof cell === 'string' ? cell : ''));
}

/** Nothing, or what programs write for a value that is missing. */
export function isNothing(cell: Json | undefined): boolean {
  return isEmpty(cell) || (typeof cell === 'string' && standsForNothing(cell, true));
}

/** @throws RowProblem */
export function optionalText(cell: Json | undefined, column: string): string {
  return isNothing(cell) ? '' : plainText(cell, column);
}

/** A cell that is to be a text: never the JSON of a list or an object. @throws RowProblem */
export function plainText(cell: Json | undefined, what: string): string {
  if (cell === undefined || cell === null || isEmpty(cell)) throw new RowProblem(`the ${what} is empty`);
  const number = numberText(cell);
  if (number !== null) return number;
  if (typeof cell === 'boolean') return String(cell);
  if (typeof cell !== 'string')
    throw new RowProblem(`the ${what} is ${Array.isArray(cell) ? 'a list' : 'an object'}, and no text`);
  if (standsForNothing(cell, false))
    throw new RowProblem(`the ${what} is ${cell.trim()}, which stands for a missing value`);
  return cell;
}
