import { readCalls, readTools, type ToolCall, withoutForeignArguments } from './calls.ts';
import {
  conversationCell,
  isConversation,
  isFalse,
  isNothing,
  isTrue,
  jsonList,
  maybeJson,
  optionalText,
  plainText,
} from './cells.ts';
import { readContent } from './content.ts';
import { isEmpty, RowProblem, type Unused } from './fields.ts';
import { FORMATS } from './formats.ts';
import { isObject, type Json, type JsonObject } from './json-value.ts';
import type { Mapping } from './mapping.ts';
import { readMarkedText } from './marked-text.ts';
import { checkConversation, type Message, readMessages } from './messages.ts';
import { asContext, readChosen } from './preferences.ts';
import { isBlankText, standsForNothing } from './texts.ts';

/** The cells of a row by their columns: texts, and the values of cells that were no text in the file. */
export type Cells = Record<string, Json>;

/** What a row gives. */
export interface RowReading {
  /**
   * Null where it gives no conversation. `rejected`: of a preference, the answer that is not to be given, in place of what `messages`
   * has from the first answer on that is learnt; null of any other row.
   */
  conversation: { messages: Message[]; tools: JsonObject[] | null; rejected: Message[] | null } | null;
  /** Why it gives none, as the end of a sentence. */
  problem: string | null;
  /** What training makes no use of. */
  unused: Unused;
}

const MEANINGLESS = new Set(FORMATS.columns.meaningless.map((name) => name.toLowerCase()));

/** Whether a column of this name is known to mean nothing for training: ids, times, sources and the like. */
export function isMeaningless(column: string): boolean {
  return MEANINGLESS.has(column.trim().toLowerCase());
}

/**
 * The one rule by which rows become conversations: a row gives exactly the conversation that its author meant, or none and
 * why; and what is left out of it is said.
 */
export function readRow(mapping: Mapping, cells: Cells): RowReading {
  const unused: Unused = new Set();
  const used = new Set(Object.values(mapping));
  for (const [name, value] of Object.entries(cells))
    if (!used.has(name) && !isMeaningless(name) && !isNothing(value)) unused.add(name);
  try {
    checkMarks(mapping, cells);
    const tools = 'tools' in mapping ? readTools(cells[String(mapping.tools)], unused) : null;
    const read = readConversation(mapping, cells, tools, unused);
    const conversation = { messages: read.messages, tools: read.tools ?? tools, rejected: read.rejected ?? null };
    return { conversation, problem: null, unused };
  } catch (error) {
    if (!(error instanceof RowProblem)) throw error;
    return { conversation: null, problem: error.message, unused };
  }
}

type Read = { messages: Message[]; tools?: JsonObject[] | null; rejected?: Message[] };

function readConversation(mapping: Mapping, cells: Cells, tools: JsonObject[] | null, unused: Unused): Read {
  if ('text' in mapping) return { messages: [{ role: 'text', content: plainText(cells[mapping.text], 'text') }] };
  const system = systemOf('system' in mapping ? cells[String(mapping.system)] : undefined, unused);
  const checked = (messages: Message[], column: string | undefined) =>
    checkConversation(withSystem(system, messages, column, unused), unused);
  if ('dialogue' in mapping)
    return { messages: checked(readMarkedText(plainText(cells[mapping.dialogue], 'dialogue')), mapping.system) };
  if ('messages' in mapping) {
    const { list, tools: own } = conversationCell(cells[mapping.messages], 'messages', unused);
    return { messages: checked(readMessages(list, own ?? tools, unused), mapping.system), tools: own };
  }
  if ('chosen' in mapping) {
    const read = readChosen(mapping, cells, tools, unused);
    return { ...read, messages: checked(read.messages, mapping.system) };
  }
  const isAlpaca = 'instruction' in mapping;
  const [asked, answer] = isAlpaca
    ? [cells[mapping.instruction], cells[mapping.output]]
    : [cells[mapping.prompt], cells[mapping.completion]];
  const before = readHistory(mapping.history === undefined ? undefined : cells[mapping.history], unused);
  const question = isConversation(asked)
    ? readMessages(conversationCell(asked, 'prompt', unused).list, tools, unused).map(asContext)
    : [userMessage(plainText(asked, 'prompt'), mapping, cells)];
  const thought =
    'reasoning' in mapping ? optionalText(cells[String(mapping.reasoning)], String(mapping.reasoning)) : '';
  return { messages: checked([...before, ...question, ...readAnswer(answer, thought, tools, unused)], mapping.system) };
}

/** The prompt, with what belongs to it: an input stands behind an instruction, a context before a question. */
function userMessage(prompt: string, mapping: Mapping, cells: Cells): Message {
  const input = 'input' in mapping ? optionalText(cells[String(mapping.input)], String(mapping.input)) : '';
  const context = 'context' in mapping ? optionalText(cells[String(mapping.context)], String(mapping.context)) : '';
  return { role: 'user', content: [context, prompt, input].filter((text) => text !== '').join('\n\n') };
}

function readAnswer(answer: Json | undefined, thought: string, tools: JsonObject[] | null, unused: Unused): Message[] {
  if (isConversation(answer)) {
    const messages = readMessages(conversationCell(answer, 'answer', unused).list, tools, unused);
    const first = messages.find(({ role }) => role === 'assistant');
    if (thought !== '' && first && first.reasoning_content === undefined) first.reasoning_content = thought;
    return messages;
  }
  const reasoning = thought === '' ? {} : { reasoning_content: thought };
  const calls = callsIn(answer, tools, unused);
  if (calls) return [{ role: 'assistant', ...reasoning, content: '', tool_calls: calls }];
  const content = Array.isArray(answer) ? oneOf(answer, unused) : plainText(answer, 'answer');
  return [{ role: 'assistant', ...reasoning, content }];
}

/** Of a row with tools, the calls that are its answer: a list of names with arguments. */
function callsIn(answer: Json | undefined, tools: JsonObject[] | null, unused: Unused): ToolCall[] | null {
  const given = typeof answer === 'string' ? maybeJson(answer) : answer;
  if (!tools || !Array.isArray(given) || given.length === 0) return null;
  if (!given.every((one) => isObject(one) && typeof one.name === 'string' && 'arguments' in one)) return null;
  return withoutForeignArguments(readCalls(given, 'answer[]', unused), tools);
}

/** The one answer that a list holds: of responses to a survey (Argilla), the one that was submitted. */
function oneOf(list: Json[], unused: Unused): string {
  const given = list.filter((one) => !isEmpty(one));
  if (given.length > 0 && given.every((one) => isObject(one) && 'value' in one && 'status' in one)) {
    const submitted = given.flatMap((one) => (isObject(one) && one.status === 'submitted' ? [one.value] : []));
    if (submitted.length === 0) throw new RowProblem('no response was submitted');
    if (submitted.length > 1) unused.add('responses that were submitted behind the first');
    return plainText(submitted[0], 'answer');
  }
  if (given.length === 1) return plainText(given[0], 'answer');
  if (given.length === 0) throw new RowProblem('the answer is empty');
  throw new RowProblem(
    'the answer is a list of several; where the first is the best, name its column as "chosen" in the mapping',
  );
}

/** Earlier turns: pairs of question and answer, or messages. As in LLaMA-Factory, its answers are learnt as well. */
function readHistory(cell: Json | undefined, unused: Unused): Message[] {
  if (isNothing(cell)) return [];
  const list = typeof cell === 'string' ? jsonList(cell, 'history') : cell;
  if (!Array.isArray(list)) throw new RowProblem('the history is no list of earlier turns');
  const turns = list.filter((turn) => !isEmpty(turn));
  return turns.length === 0 ? [] : readMessages(turns, null, unused);
}

function systemOf(cell: Json | undefined, unused: Unused): string {
  if (isNothing(cell)) return '';
  if (typeof cell === 'string') return standsForNothing(cell, true) ? '' : cell;
  const value = isObject(cell) && cell.parts !== undefined ? cell.parts : (cell ?? null);
  const { text } = readContent(value, unused);
  if (text === null) throw new RowProblem('the system prompt is no text');
  return text;
}

/** The system prompt of a column before the messages, unless they begin with one of their own. */
function withSystem(system: string, messages: Message[], column: string | undefined, unused: Unused): Message[] {
  if (isBlankText(system)) return messages;
  const [first] = messages;
  if (first?.role !== 'system') return [{ role: 'system', content: system }, ...messages];
  if (first.content !== system) unused.add(`${column} where the messages have a system prompt`);
  return messages;
}

function checkMarks({ label, deleted }: Mapping, cells: Cells): void {
  if (deleted !== undefined && isTrue(cells[deleted])) throw new RowProblem('it is marked as deleted');
  if (label === undefined) return;
  if (isTrue(cells[label])) return;
  throw new RowProblem(
    isFalse(cells[label]) ? `it is marked as bad: ${label} is false` : `${label} is neither true nor false`,
  );
}
