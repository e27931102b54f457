export interface Piece {
  text: string;
  differs: boolean;
}

/** How a text differs from another one, word by word. Spaces do not count. */
export interface Difference {
  /** All of the text, in its order. */
  pieces: Piece[];
  words: number;
  /** How many of them the other text has not, in this order. */
  differing: number;
  /** How many words of the other text are not here. */
  missing: number;
}

/** A word; of scripts without spaces a character; each mark by itself; spaces together. */
const TOKEN =
  /\s+|[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]|(?:(?![\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}])[\p{L}\p{M}\p{N}_])+|[^\s\p{L}\p{M}\p{N}_]|\p{M}/gu;

/** Of the comparison of two texts word by word: some megabytes, and some hundredths of a second. */
const MOST_CELLS = 4_000_000;

/** What is not in `other` of a text; null where both are so long that it would take long. */
export function differenceFrom(other: string, text: string): Difference | null {
  const tokens = text.match(TOKEN) ?? [];
  const own = tokens.filter(isWord);
  const others = (other.match(TOKEN) ?? []).filter(isWord);
  const common = commonOf(own, others);
  if (common === null) return null;
  const shared = common.filter(Boolean).length;
  return {
    pieces: piecesOf(tokens, common),
    words: own.length,
    differing: own.length - shared,
    missing: others.length - shared,
  };
}

function isWord(token: string): boolean {
  return token.trim() !== '';
}

/** Of each of these words, whether it is in the longest sequence that both have. */
function commonOf(own: string[], others: string[]): boolean[] | null {
  let begin = 0;
  while (begin < own.length && begin < others.length && own[begin] === others[begin]) begin++;
  let end = 0;
  while (end < Math.min(own.length, others.length) - begin && own.at(-1 - end) === others.at(-1 - end)) end++;
  const [rows, columns] = [own.length - begin - end, others.length - begin - end];
  if (rows * columns > MOST_CELLS) return null;
  // By row and column: how much both have from there on.
  const width = columns + 1;
  const longest = new Uint16Array((rows + 1) * width);
  const at = (row: number, column: number) => longest[row * width + column] ?? 0;
  const isSame = (row: number, column: number) => own[begin + row] === others[begin + column];
  for (let row = rows - 1; row >= 0; row--)
    for (let column = columns - 1; column >= 0; column--)
      longest[row * width + column] = isSame(row, column)
        ? at(row + 1, column + 1) + 1
        : Math.max(at(row + 1, column), at(row, column + 1));
  const common = own.map((_, place) => place < begin || place >= own.length - end);
  for (let row = 0, column = 0; row < rows && column < columns; ) {
    if (isSame(row, column)) {
      common[begin + row++] = true;
      column++;
    } else if (at(row + 1, column) >= at(row, column + 1)) row++;
    else column++;
  }
  return common;
}

/** Neighbours that differ are one piece, with the spaces between them. */
function piecesOf(tokens: string[], common: boolean[]): Piece[] {
  const pieces: Piece[] = [];
  let spaces = '';
  let word = 0;
  const add = (text: string, differs: boolean) => {
    const last = pieces.at(-1);
    if (last?.differs === differs) last.text += text;
    else if (text !== '') pieces.push({ text, differs });
  };
  for (const token of tokens) {
    if (!isWord(token)) {
      spaces = token;
      continue;
    }
    const differs = common[word++] === false;
    add(spaces, differs && pieces.at(-1)?.differs === true);
    add(token, differs);
    spaces = '';
  }
  add(spaces, false);
  return pieces;
}

/** The beginning of pieces, as many as make `characters`. */
export function beginningOf(pieces: Piece[], characters: number): Piece[] {
  let left = characters;
  return pieces.flatMap(({ text, differs }) => {
    const part = text.slice(0, left);
    left -= part.length;
    return part === '' ? [] : [{ text: part, differs }];
  });
}
