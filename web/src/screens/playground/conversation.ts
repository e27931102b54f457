import type { Message } from '../../parts/conversation/messages.ts';

/** What a held-out row has of a conversation. */
export interface Row {
  messages: Message[];
  tools: unknown[] | null;
}

interface Call {
  id: string;
  type: 'function';
  function: { name: string; arguments: string };
}

/** A message as it is sent: of what `/v1/chat/completions` takes, what rows have. */
export type SentMessage =
  | { role: 'system' | 'user'; content: string; name?: string }
  | { role: 'assistant'; content: string; reasoning_content?: string; tool_calls?: Call[]; name?: string }
  | { role: 'tool'; content: string; tool_call_id: string; name?: string };

export interface Tool {
  type: 'function';
  function: { name: string; description?: string; parameters?: Record<string, unknown> };
}

/** What is asked: a system prompt, what was said before, and a question. Empty ones are left out. */
export interface Conversation {
  system: string;
  before: SentMessage[];
  question: string;
  tools: Tool[] | null;
}

/** What a held-out row asks, and the answer that it expects; a text without an answer asks nothing. */
export type RowAsked = { asks: true; conversation: Conversation; expected: Message } | { asks: false };

export const NOTHING: Conversation = { system: '', before: [], question: '', tools: null };

export function messagesOf({ system, before, question }: Conversation): SentMessage[] {
  return [
    ...(system.trim() === '' ? [] : [{ role: 'system' as const, content: system }]),
    ...before,
    ...(question.trim() === '' ? [] : [{ role: 'user' as const, content: question }]),
  ];
}

/** A row's conversation up to its last answer that is learnt. What stands behind that teaches nothing. */
export function askedBy({ messages, tools }: Row): RowAsked {
  const last = messages.findLastIndex(({ role, weight }) => role === 'assistant' && weight !== 0);
  const expected = messages[last];
  if (expected === undefined || last === 0) return { asks: false };
  const before = asSent(messages.slice(0, last));
  const [first] = before;
  const system = first?.role === 'system' && typeof first.content === 'string' ? first.content : '';
  if (system !== '') before.shift();
  const asked = before.at(-1);
  const question = asked?.role === 'user' && typeof asked.content === 'string' ? asked.content : '';
  if (question !== '') before.pop();
  // Read by the data engine, which writes tools as OpenAI's API has them.
  return { asks: true, conversation: { system, before, question, tools: tools as Tool[] | null }, expected };
}

/** Messages as they are sent: calls of tools have names, and arguments as JSON texts, and results name the call that they are of. */
function asSent(messages: Message[]): SentMessage[] {
  let open: string[] = [];
  return messages.map(
    ({ role, content: given, name, reasoning_content: thought, tool_calls, tool_call_id: of }, place) => {
      const content = typeof given === 'string' ? given : '';
      const named = typeof name === 'string' ? { name } : {};
      if (role === 'tool')
        return { role, content, tool_call_id: typeof of === 'string' ? of : (open.shift() ?? 'call'), ...named };
      if (role !== 'assistant') return { role: role === 'system' ? role : 'user', content, ...named };
      const calls = callsIn(tool_calls, place);
      open = calls.map(({ id }) => id);
      return {
        role,
        content,
        ...(typeof thought === 'string' ? { reasoning_content: thought } : {}),
        ...(calls.length === 0 ? {} : { tool_calls: calls }),
      };
    },
  );
}

function callsIn(calls: unknown, place: number): Call[] {
  // As the data engine writes them; ids are left out where the row had none.
  const read = (Array.isArray(calls) ? calls : []) as { id?: string; function: { name: string; arguments: unknown } }[];
  return read.map(({ id = '', function: { name, arguments: given } }, nth) => ({
    id: id === '' ? `call_${place}_${nth}` : id,
    type: 'function',
    function: { name, arguments: typeof given === 'string' ? given : JSON.stringify(given) },
  }));
}

/** The beginning of what a row asks, on one line. */
export function beginningOf({ messages }: Row, most: number): string {
  const asked = messages.findLast(({ role }) => role === 'user') ?? messages[0];
  const text = String(asked?.content ?? '')
    .replaceAll(/\s+/g, ' ')
    .trim();
  const characters = [...text.slice(0, 2 * (most + 1))];
  return characters.length > most ? `${characters.slice(0, most).join('')}…` : text;
}
