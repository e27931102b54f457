import { RowProblem } from './fields.ts';
import { FORMATS, type MarkedTextFormat } from './formats.ts';
import type { Message } from './messages.ts';
import { isBlankText } from './texts.ts';

type Part = MarkedTextFormat['roles'][string];

/**
 * The conversation of one text that holds both sides behind markers (`### Human:` … `### Assistant:` …, ChatML and its like).
 * @throws RowProblem where no known markers divide it into turns
 */
export function readMarkedText(text: string): Message[] {
  if (isBlankText(text)) throw new RowProblem('the dialogue is empty');
  for (const format of FORMATS.marked_texts) {
    const messages = turnsOf(text, format);
    if (messages) return messages;
  }
  throw new RowProblem('no known markers of a dialogue');
}

/** Null where these are not its markers: they are to be there from the beginning on, and to divide it into turns. */
function turnsOf(text: string, format: MarkedTextFormat): Message[] | null {
  const markers = [...text.matchAll(new RegExp(format.marker, format.any_case ? 'gi' : 'g'))];
  const [first] = markers;
  if (!first) return null;
  const before = without(format.begins, text.slice(0, first.index)).trim();
  const isPreamble = format.preamble !== undefined && before.startsWith(format.preamble);
  const messages: Message[] = [];
  // Other words before the first marker are what the whole conversation goes by.
  if (before !== '' && !isPreamble) {
    if (format.roles[roleName(first[1], format)] !== 'user') return null;
    messages.push({ role: 'system', content: before });
  }
  const parts = markers.map((marker) => format.roles[roleName(marker[1], format)]);
  const isOneExchange = parts.filter((part) => part === 'user').length === 1;
  for (const [i, marker] of markers.entries()) {
    const part = parts[i];
    const end = markers[i + 1]?.index ?? text.length;
    const content = without(format.ends, text.slice(marker.index + marker[0].length, end)).trim();
    if (part !== undefined && addTurn(messages, part, content, format)) continue;
    const last = messages.at(-1);
    // Behind the one question, everything is its answer: it may show what is put in and what comes out.
    if (!isOneExchange || last?.role !== 'assistant') return null;
    last.content = `${last.content}${between(text, markers[i - 1], marker)}${without(format.ends, text.slice(marker.index, end)).trimEnd()}`;
  }
  return messages.some(({ role }) => role === 'assistant') ? messages : null;
}

function roleName(marker: string | undefined, { any_case }: MarkedTextFormat): string {
  return any_case ? String(marker).toLowerCase() : String(marker);
}

/** False where this turn cannot follow the one before, so that its marker is part of a text. */
function addTurn(messages: Message[], part: Part, content: string, { system }: MarkedTextFormat): boolean {
  const last = messages.at(-1);
  if (part === 'more') {
    if (last?.role !== 'user') return false;
    if (content !== '') last.content += `\n\n${content}`;
    return true;
  }
  if (part === 'system' && messages.length > 0) return false;
  if (part === 'assistant' && (last === undefined || last.role === 'assistant' || last.role === 'system')) return false;
  if (part === 'user' && last?.role === 'user') return false;
  // The place of an answer that is to be given: there is none.
  if (part === 'assistant' && content === '') return true;
  const found = part === 'user' && system !== undefined ? new RegExp(system).exec(content) : null;
  if (found && messages.length === 0) {
    messages.push({ role: 'system', content: String(found[1]) });
    content = content.replace(found[0], '').trim();
  }
  messages.push({ role: part, content });
  return true;
}

function without(ends: string[], text: string): string {
  return ends.reduce((rest, end) => rest.replaceAll(end, ''), text);
}

/** The white space before a marker. */
function between(text: string, before: RegExpMatchArray | undefined, marker: RegExpMatchArray): string {
  return /\s*$/.exec(text.slice(before?.index ?? 0, marker.index))?.[0] ?? '';
}
