import { shown } from '../user-text.tsx';
import { piecesOf } from './words.ts';

/** A text of a user in which the words that were searched are marked. */
export function Marked({ children: text, words }: { children: string; words: string[] }) {
  return (
    <span dir="auto" className="user-text-inline">
      {piecesOf(text, words).map(({ text: piece, at, isMatch }) =>
        isMatch ? <mark key={at}>{shown(piece)}</mark> : shown(piece),
      )}
    </span>
  );
}
