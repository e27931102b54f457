import { conversationCell, isConversation, isNothing, plainText } from './cells.ts';
import { isEmpty, RowProblem, type Unused } from './fields.ts';
import { type Json, type JsonObject, jsonOf } from './json-value.ts';
import type { Mapping } from './mapping.ts';
import { readMarkedText } from './marked-text.ts';
import { type Message, readMessages } from './messages.ts';
import { isBlankText } from './texts.ts';

type ChosenMapping = Extract<Mapping, { chosen: string }>;

/** What was preferred; and of a pair, what was not, from the first answer on in which the two differ. */
interface Preferred {
  messages: Message[];
  tools: JsonObject[] | null;
  rejected?: Message[];
}

/**
 * A row of preferences. Where the mapping names what was rejected it is a pair: both sides begin alike, and each goes on with an
 * answer of its own. Else what was preferred is all of it, and its last answer is learnt.
 * @throws RowProblem
 */
export function readChosen(
  mapping: ChosenMapping,
  cells: Record<string, Json>,
  tools: JsonObject[] | null,
  unused: Unused,
): Preferred {
  const asked = readAsked(mapping, cells, tools, unused);
  const sideOf = (column: string, what: string) =>
    readSide(cells[column], { column, what, asked: asked.messages, tools: asked.tools ?? tools, unused });
  if (mapping.rejected === undefined) {
    const messages = sideOf(mapping.chosen, 'answer');
    const behind = messages.findLastIndex(({ role }) => role === 'user') + 1;
    return { messages: [...messages.slice(0, behind).map(asContext), ...messages.slice(behind)], tools: asked.tools };
  }
  const chosen = sideOf(mapping.chosen, 'chosen answer');
  const rejected = sideOf(mapping.rejected, 'rejected answer');
  const place = commonBeginning(chosen, rejected);
  const [preferred, other] = [chosen.slice(place), rejected.slice(place)];
  if (preferred.length === 0 && other.length === 0) throw new RowProblem('both answers are the same');
  requireAnswer(preferred, 'chosen');
  requireAnswer(other, 'rejected');
  if (place === 0) throw new RowProblem('nothing is asked before both answers');
  return {
    messages: [...chosen.slice(0, place).map(asContext), ...preferred],
    tools: asked.tools,
    rejected: other,
  };
}

function readAsked(
  mapping: ChosenMapping,
  cells: Record<string, Json>,
  tools: JsonObject[] | null,
  unused: Unused,
): Preferred {
  const prompt = mapping.prompt === undefined ? undefined : cells[mapping.prompt];
  if (isConversation(prompt)) return readWhole(prompt, tools, unused);
  if (isNothing(prompt)) return { messages: [], tools: null };
  const text = plainText(prompt, 'prompt');
  return { messages: askedInMarkedText(text) ?? [{ role: 'user', content: text }], tools: null };
}

function readWhole(cell: Json | undefined, tools: JsonObject[] | null, unused: Unused): Preferred {
  const { list, tools: own } = conversationCell(cell, 'prompt', unused);
  return { messages: readMessages(list, own ?? tools, unused), tools: own };
}

const PLACE_OF_ANSWER = 'x';

/** The turns of a prompt that ends with the marker of the answer (`\n\nHuman: …\n\nAssistant:`); null where it is no such text. */
function askedInMarkedText(text: string): Message[] | null {
  try {
    const messages = readMarkedText(`${text.trimEnd()} ${PLACE_OF_ANSWER}`);
    const last = messages.pop();
    return last?.role === 'assistant' && last.content === PLACE_OF_ANSWER ? messages : null;
  } catch (error) {
    if (error instanceof RowProblem) return null;
    throw error;
  }
}

interface SideOptions {
  column: string;
  /** What it is, for a problem with it. */
  what: string;
  asked: Message[];
  tools: JsonObject[] | null;
  unused: Unused;
}

/** A whole conversation that ends in the answer of a cell. The prompt may be repeated there. */
function readSide(cell: Json | undefined, { column, what, asked, tools, unused }: SideOptions): Message[] {
  if (!isConversation(cell)) {
    const text = Array.isArray(cell) ? firstOf(cell, { column, what, unused }) : plainText(cell, what);
    if (asked.length > 0) return [...asked, { role: 'assistant', content: text }];
    if (askedInMarkedText(text)) throw new RowProblem(`the ${what} is empty`);
    return readMarkedText(text);
  }
  const { messages } = readWhole(cell, tools, unused);
  if (messages[0]?.role === 'assistant') return [...asked, ...messages];
  if (asked.every((one) => messages.some(({ role, content }) => role === one.role && content === one.content)))
    return messages;
  throw new RowProblem(`the ${what} has another question than the prompt`);
}

/** The best of a list that is ranked. */
function firstOf(list: Json[], { column, what, unused }: Pick<SideOptions, 'column' | 'what' | 'unused'>): string {
  const [first, ...others] = list.filter((one) => !isEmpty(one));
  if (others.length > 0) unused.add(`${column} behind the first`);
  return plainText(first, what);
}

/** How many messages both begin with. */
function commonBeginning(one: Message[], other: Message[]): number {
  const place = one.findIndex((message, i) => other[i] === undefined || jsonOf(message) !== jsonOf(other[i]));
  return place === -1 ? one.length : place;
}

/** What one side has for itself is to begin with an answer, and all of its answers are learnt. */
function requireAnswer(messages: Message[], side: 'chosen' | 'rejected'): void {
  const [first] = messages;
  if (first && first.role !== 'assistant') throw new RowProblem('what is asked differs between both answers');
  const answers = messages.filter(({ role }) => role === 'assistant');
  if (!first || answers.some(({ content, tool_calls }) => isBlankText(content) && !tool_calls))
    throw new RowProblem(`the ${side} answer is empty`);
  if (answers.some(({ weight }) => weight === 0))
    throw new RowProblem(`the ${side} answer is marked as not to be learnt`);
}

/** An answer that stands before what is asked is not what is to be learnt. */
export function asContext(message: Message): Message {
  return message.role === 'assistant' ? { ...message, weight: 0 } : message;
}
