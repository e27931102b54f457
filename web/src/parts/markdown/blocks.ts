/** The parts of a Markdown text that are known here. Everything else, HTML above all, is a paragraph. */
export type Block =
  | { kind: 'heading'; level: number; text: string }
  | { kind: 'code'; text: string }
  | { kind: 'list'; items: string[] }
  | { kind: 'table'; head: string[]; rows: string[][] }
  | { kind: 'paragraph'; text: string };

const FENCE = /^(`{3,})/;
const HEADING = /^(#{1,6})\s+(.*)$/;
const ITEM = /^[-*]\s+(.*)$/;
const ROW = /^\s*\|/;
const RULE = /^[\s|:-]+$/;

/** Reads headings, fenced code, lists, tables and paragraphs; the front matter of a model card counts as code. */
export function blocksOf(markdown: string): Block[] {
  const lines = markdown.replaceAll('\r\n', '\n').split('\n');
  const blocks: Block[] = [];
  let at = 0;
  if (lines[0] === '---') {
    const end = lines.indexOf('---', 1);
    if (end > 0) {
      blocks.push({ kind: 'code', text: lines.slice(1, end).join('\n') });
      at = end + 1;
    }
  }
  /** The lines from here on of which this holds. */
  const take = (holds: (line: string) => boolean): string[] => {
    const begin = at;
    while (at < lines.length && holds(lines[at] ?? '')) at++;
    return lines.slice(begin, at);
  };
  while (at < lines.length) {
    const line = lines[at] ?? '';
    const [, fence] = FENCE.exec(line) ?? [];
    const [, marks, title] = HEADING.exec(line) ?? [];
    if (fence !== undefined) {
      at++;
      blocks.push({ kind: 'code', text: take((each) => !each.startsWith(fence)).join('\n') });
      at++;
    } else if (marks !== undefined && title !== undefined) {
      at++;
      blocks.push({ kind: 'heading', level: marks.length, text: title });
    } else if (ROW.test(line)) {
      const [head = [], ...rows] = take((each) => ROW.test(each)).flatMap((each) =>
        RULE.test(each) ? [] : [cellsOf(each)],
      );
      blocks.push({ kind: 'table', head, rows });
    } else if (ITEM.test(line)) {
      blocks.push({ kind: 'list', items: take((each) => ITEM.test(each)).map((each) => ITEM.exec(each)?.[1] ?? '') });
    } else if (line.trim() === '') {
      at++;
    } else {
      const begins = (each: string) => [FENCE, HEADING, ROW, ITEM].some((mark) => mark.test(each));
      blocks.push({ kind: 'paragraph', text: take((each) => each.trim() !== '' && !begins(each)).join(' ') });
    }
  }
  return blocks;
}

/** The cells of a row: between bars, of which those behind a backslash belong to a cell. */
function cellsOf(row: string): string[] {
  const inner = row
    .trim()
    .replace(/^\|/, '')
    .replace(/(?<!\\)\|$/, '');
  return inner.split(/(?<!\\)\|/).map((cell) => cell.trim());
}

/** A text in pieces: between backticks it is code; elsewhere a backslash stands before what is no mark. */
export function inlineOf(text: string): { isCode: boolean; text: string }[] {
  return text
    .split(/((?<!\\)`[^`]+`)/)
    .filter((piece) => piece !== '')
    .map((piece) =>
      piece.length > 2 && piece.startsWith('`') && piece.endsWith('`')
        ? { isCode: true, text: piece.slice(1, -1) }
        : { isCode: false, text: piece.replaceAll(/\\([\\`*[\]<>|_#])/g, '$1') },
    );
}
