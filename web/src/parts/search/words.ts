/** As outputs and workflows are named, `job-3-run-1`: searched as the service does, which is as `job 3`. */
const NUMBERED = /\b(job|project|dataset)-(\d+)(-run-\d+)?\b/gi;

export function wordsOf(text: string): string[] {
  return text
    .replaceAll(NUMBERED, '$1 $2')
    .split(/\s+/)
    .filter((word) => word !== '');
}

/** What the page itself finds: each word is a part of one of these texts. */
export function hasAll(words: string[], ...texts: string[]): boolean {
  return words.every((word) => {
    const pattern = patternOf([word]);
    return texts.some((text) => pattern.test(text));
  });
}

export interface Piece {
  text: string;
  /** Where it begins in the whole. */
  at: number;
  isMatch: boolean;
}

/** A text cut where the words are in it. */
export function piecesOf(text: string, words: string[]): Piece[] {
  if (words.length === 0) return [{ text, at: 0, isMatch: false }];
  let at = 0;
  // Split by a pattern in brackets, every second piece is what fits it.
  return text.split(patternOf(words.map((word) => word.replace(/^#(?=\d+$)/, '')))).flatMap((piece, nth) => {
    const begins = at;
    at += piece.length;
    return piece === '' ? [] : [{ text: piece, at: begins, isMatch: nth % 2 === 1 }];
  });
}

/** Any of the words, the longest first, whatever case they are in. */
function patternOf(words: string[]): RegExp {
  const escaped = words
    .toSorted((a, b) => b.length - a.length)
    .map((word) => word.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&'));
  return new RegExp(`(${escaped.join('|')})`, 'iu');
}
