import { readCalls, type ToolCall } from './calls.ts';
import { Fields, isEmpty, RowProblem, type Unused } from './fields.ts';
import { isObject, type Json, type JsonObject, jsonOf, numberText } from './json-value.ts';

/** What one message holds, in whichever dialect its content is written. */
export interface Content {
  /** Null where there is none. */
  text: string | null;
  reasoning: string;
  calls: ToolCall[];
  /** Results of calls, each of which is a message of its own. */
  results: ToolResult[];
}

export interface ToolResult {
  text: string;
  id?: string;
  name?: string;
}

const TEXT_TYPES = new Set(['text', 'input_text', 'output_text']);
const THOUGHT_TYPES = new Set(['thinking', 'reasoning', 'thought']);
const MEANINGLESS_IN_PARTS = new Set([
  'type',
  'cache_control',
  'cachePoint',
  'annotations',
  'signature',
  'id',
  'index',
]);

/** A text, nothing, or a list of parts: texts, thoughts, calls of tools and their results. */
export function readContent(value: Json | undefined, unused: Unused): Content {
  const content: Content = { text: null, reasoning: '', calls: [], results: [] };
  if (value === undefined || value === null) return content;
  const number = numberText(value);
  if (number !== null) content.text = number;
  else if (typeof value === 'string') content.text = value;
  else if (Array.isArray(value)) for (const part of value) readPart(part, content, unused);
  else if (isObject(value)) readPart(value, content, unused);
  else throw new RowProblem('a message has no text as its content');
  return content;
}

function readPart(part: Json, content: Content, unused: Unused): void {
  if (part === null) return;
  if (typeof part === 'string') {
    addText(content, part);
    return;
  }
  if (!isObject(part)) throw new RowProblem('a part of a message is no text and no object');
  const fields = new Fields(part, 'messages[].content[]', unused);
  const type = typeof part.type === 'string' ? part.type : null;
  const path = 'messages[].content[].call';
  if (type === 'tool_use' || type === 'function_call' || type === 'tool_call') {
    content.calls.push(...readCalls(part, path, unused));
    return;
  }
  const call = fields.take('functionCall', 'function_call', 'toolUse', 'tool_use');
  if (isObject(call)) content.calls.push(...readCalls(call, path, unused));
  const result =
    type === 'tool_result' || type === 'function_call_output'
      ? part
      : fields.take('functionResponse', 'function_response', 'toolResult', 'tool_result');
  if (isObject(result)) {
    content.results.push(readResult(result, unused));
    if (result === part) return;
  }
  if (part.reasoningContent !== undefined && isObject(part.reasoningContent)) {
    fields.take('reasoningContent');
    const { reasoningText } = part.reasoningContent;
    content.reasoning += isObject(reasoningText) ? String(reasoningText.text ?? '') : '';
  }
  const isThought = (type !== null && THOUGHT_TYPES.has(type)) || part.thought === true;
  const text = fields.take(
    ...(isThought ? ['thinking', 'reasoning', 'thought', 'text'] : ['text', 'content', 'value']),
  );
  if (part.thought === true) fields.take('thought');
  if (isThought) content.reasoning += typeof text === 'string' ? text : String(part.text ?? '');
  else if (typeof text === 'string') addText(content, text);
  else if (!isObject(call) && !isObject(result) && part.reasoningContent === undefined && !isEmpty(part)) {
    const what = type !== null && !TEXT_TYPES.has(type) ? `of the type ${jsonOf(type.slice(0, 40))}` : 'without a text';
    throw new RowProblem(`a message has a part ${what}, which cannot be trained on here`);
  }
  fields.reportRest(MEANINGLESS_IN_PARTS);
}

function addText(content: Content, text: string): void {
  content.text = (content.text ?? '') + text;
}

function readResult(result: JsonObject, unused: Unused): ToolResult {
  const fields = new Fields(result, 'messages[].content[].result', unused);
  const id = fields.take('tool_use_id', 'toolUseId', 'tool_call_id', 'call_id');
  const name = fields.take('name');
  const text = resultText(fields.take('content', 'response', 'output', 'result'));
  fields.reportRest(new Set(['type', 'id', 'status', 'cache_control']));
  return {
    text,
    ...(typeof id === 'string' && id !== '' ? { id } : {}),
    ...(typeof name === 'string' && name !== '' ? { name } : {}),
  };
}

/** What a tool gave back: texts as they are; everything else is data, so that its JSON is what the model was shown. */
export function resultText(value: Json | undefined): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string' && numberText(value) === null) return value;
  if (Array.isArray(value) && value.length > 0 && value.every(isTextPart))
    return value.map((part) => partText(part)).join('');
  return jsonOf(value);
}

function isTextPart(part: Json): boolean {
  return (
    isObject(part) && (typeof part.text === 'string' || (part.json !== undefined && Object.keys(part).length === 1))
  );
}

function partText(part: Json): string {
  if (!isObject(part)) return '';
  return typeof part.text === 'string' ? part.text : jsonOf(part.json);
}
