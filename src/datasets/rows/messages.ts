import { readCalls, type ToolCall, withoutForeignArguments } from './calls.ts';
import { readContent, resultText } from './content.ts';
import { Fields, isEmpty, RowProblem, type Unused } from './fields.ts';
import { FORMATS } from './formats.ts';
import { isObject, type Json, type JsonObject, jsonOf, numberText } from './json-value.ts';
import { isBlankText } from './texts.ts';

/** A message of a conversation as training sees it. Plain text is one message with the role "text". */
export interface Message {
  role: 'system' | 'user' | 'assistant' | 'tool' | 'text';
  reasoning_content?: string;
  content: string;
  tool_calls?: ToolCall[];
  tool_call_id?: string;
  name?: string;
  /** 0: what the assistant says here is context, and not learnt. */
  weight?: 0;
}

type Role = keyof typeof FORMATS.roles;

const ROLES = new Map<string, Role>(
  Object.entries(FORMATS.roles).flatMap(([role, names]) => names.map((name) => [name, role as Role] as const)),
);
const MEANINGLESS = new Set(FORMATS.message.meaningless);
const { role: ROLE, content: CONTENT, reasoning: REASONING, tool_call_id: CALL_ID, learnt: LEARNT } = FORMATS.message;

/** The messages of a conversation, from a list in any of the dialects that are published. @throws RowProblem */
export function readMessages(list: Json[], tools: JsonObject[] | null, unused: Unused): Message[] {
  if (list.length === 0) throw new RowProblem('there are no messages');
  const messages: Message[] = [];
  list.forEach((entry, place) => {
    if (entry === null) return;
    for (const message of readEntry(entry, place, unused)) addMessage(messages, message);
  });
  for (const message of messages)
    if (message.tool_calls) message.tool_calls = withoutForeignArguments(message.tool_calls, tools);
  return messages;
}

/** Calls that stand in entries of their own, behind each other or behind a text, are one message of the assistant. */
function addMessage(messages: Message[], message: Message & { isCall?: true }): void {
  const { isCall, ...plain } = message;
  const last = messages.at(-1);
  if (isCall && last?.role === 'assistant' && (last.weight === 0) === (plain.weight === 0))
    last.tool_calls = [...(last.tool_calls ?? []), ...(plain.tool_calls ?? [])];
  else messages.push(plain);
}

function readEntry(entry: Json, place: number, unused: Unused): (Message & { isCall?: true })[] {
  // A list of texts, or of pairs of them, is a conversation in turns.
  if (typeof entry === 'string') return [{ role: place % 2 === 0 ? 'user' : 'assistant', content: entry }];
  if (Array.isArray(entry) && entry.length === 2 && entry.every((side) => typeof side === 'string'))
    return [
      { role: 'user', content: String(entry[0]) },
      { role: 'assistant', content: String(entry[1]) },
    ];
  if (!isObject(entry)) throw new RowProblem('a message is no object with role and content');
  const fields = new Fields(entry, 'messages[]', unused);
  const given = fields.take(...ROLE);
  const name = isObject(given) ? given.role : given;
  if (typeof name !== 'string') return readPair(entry, unused);
  const role = ROLES.get(name.trim().toLowerCase());
  if (role === undefined)
    throw new RowProblem(
      `a message has the role ${jsonOf(name.slice(0, 40))}, which is none of system, user, assistant and tool`,
    );
  const messages = role === 'call' ? readCallEntry(fields, unused) : readMessage(role, fields, unused);
  fields.reportRest(MEANINGLESS);
  return messages;
}

/** One object for a question and its answer, each under the name of its role or of what it is. */
function readPair(entry: JsonObject, unused: Unused): Message[] {
  const named = (names: string[]) => names.find((name) => typeof entry[name] === 'string' && !isEmpty(entry[name]));
  const user = named([...FORMATS.roles.user, ...FORMATS.message.asked]);
  const assistant = named([...FORMATS.roles.assistant, ...FORMATS.message.answered]);
  if (user === undefined || assistant === undefined)
    throw new RowProblem('a message is no object with role and content');
  const fields = new Fields(entry, 'messages[]', unused);
  const messages: Message[] = [
    { role: 'user', content: String(fields.take(user)) },
    { role: 'assistant', content: String(fields.take(assistant)) },
  ];
  fields.reportRest(MEANINGLESS);
  return messages;
}

function readCallEntry(fields: Fields, unused: Unused): (Message & { isCall: true })[] {
  const content = fields.take(...CONTENT);
  const calls = readCalls(content, 'messages[].call', unused);
  if (calls.length === 0) throw new RowProblem('a call of a tool is no JSON with name and arguments');
  return [{ role: 'assistant', content: '', tool_calls: calls, isCall: true, ...weightOf(fields, true, unused) }];
}

function readMessage(role: Exclude<Role, 'call'>, fields: Fields, unused: Unused): Message[] {
  const given = fields.take(...CONTENT);
  if (role === 'tool') {
    const [id, name] = [fields.take(...CALL_ID), fields.take('name')];
    weightOf(fields, false, unused);
    const results = Array.isArray(given) || isObject(given) ? readContentOrData(given, unused) : null;
    if (results) return results;
    return [{ role, content: resultText(given), ...textField('tool_call_id', id), ...textField('name', name) }];
  }
  const content = readContent(given, unused);
  const thought = fields.take(...REASONING);
  const reasoning = typeof thought === 'string' && !isBlankText(thought) ? thought : content.reasoning;
  const calls = [
    ...content.calls,
    ...readCalls(fields.take('tool_calls'), 'messages[].tool_calls[]', unused),
    ...readCalls(fields.take('function_call'), 'messages[].function_call', unused),
  ];
  const results: Message[] = content.results.map(({ text, id, name }) => ({
    role: 'tool',
    content: text,
    ...textField('tool_call_id', id),
    ...textField('name', name),
  }));
  const weight = weightOf(fields, role === 'assistant', unused);
  if (content.text === null && calls.length === 0) {
    const refusal = role === 'assistant' ? fields.take('refusal') : undefined;
    if (typeof refusal === 'string') content.text = refusal;
    else if (results.length > 0) return results;
    else throw new RowProblem('a message has no text as its content');
  }
  if (role !== 'assistant' && calls.length > 0) throw new RowProblem(`a message of the ${role} calls a tool`);
  return [
    ...results,
    {
      role,
      ...(reasoning === '' ? {} : { reasoning_content: reasoning }),
      content: content.text ?? '',
      ...(calls.length === 0 ? {} : { tool_calls: calls }),
      ...(role === 'user' ? textField('name', fields.take('name')) : {}),
      ...weight,
    },
  ];
}

/** The results that a tool's message has in parts; null where what it holds is data. */
function readContentOrData(given: Json, unused: Unused): Message[] | null {
  const parts = Array.isArray(given) ? given : [given];
  const holdsResults = parts.some(
    (part) =>
      isObject(part) && (part.type === 'tool_result' || isObject(part.functionResponse ?? part.toolResult ?? null)),
  );
  if (!holdsResults) return null;
  return readContent(given, unused).results.map(({ text, id, name }) => ({
    role: 'tool',
    content: text,
    ...textField('tool_call_id', id),
    ...textField('name', name),
  }));
}

function textField<K extends 'tool_call_id' | 'name'>(key: K, value: Json | undefined): { [P in K]?: string } {
  return (typeof value === 'string' && value !== '' ? { [key]: value } : {}) as { [P in K]?: string };
}

/** What the marks of a message say of whether it is learnt. Of messages that are never learnt, only another wish is reported. */
function weightOf(fields: Fields, isAnswer: boolean, unused: Unused): { weight?: 0 } {
  let isLearnt = true;
  for (const [name, value] of fields.takeAll(LEARNT)) {
    const read = isEmpty(value) ? null : oneOrZero(value);
    if (read === undefined) {
      throw new RowProblem(
        `a message has ${name} ${jsonOf(value).slice(0, 40)}; 0 and 1 (or false and true) are what can be trained with`,
      );
    }
    if (read === 0) isLearnt = false;
    if (read === 1 && !isAnswer && name !== 'weight') unused.add(`messages[].${name} of what is no answer`);
  }
  return isAnswer && !isLearnt ? { weight: 0 } : {};
}

function oneOrZero(value: Json): 0 | 1 | undefined {
  if (typeof value === 'boolean') return value ? 1 : 0;
  const number = Number(numberText(value) ?? Number.NaN);
  return number === 0 || number === 1 ? number : undefined;
}

/** What makes a conversation one that can be trained on. What comes behind the last answer teaches nothing. @throws RowProblem */
export function checkConversation(messages: Message[], unused: Unused): Message[] {
  const answers = messages.filter(({ role }) => role === 'assistant');
  if (answers.length === 0) throw new RowProblem('no message of the assistant says anything');
  const learnt = answers.filter(({ weight }) => weight !== 0);
  if (learnt.length === 0) throw new RowProblem('every answer is marked as not to be learnt');
  if (learnt.some(({ content, tool_calls }) => isBlankText(content) && !tool_calls))
    throw new RowProblem('an answer is empty');
  const last = messages.findLastIndex(({ role, weight }) => role === 'assistant' && weight !== 0);
  if (messages.length > last + 1) unused.add('messages[] behind the last answer that is learnt');
  return messages;
}
