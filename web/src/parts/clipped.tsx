import { Button } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { count } from './numbers.ts';
import { UserText } from './user-text.tsx';

const MOST_CHARACTERS = 1_000;

interface ClippedProps {
  children: string;
  most?: number;
  /** Shows it, or its beginning, otherwise than as it is: with words marked. */
  show?: (text: string) => ReactNode;
}

/** A user's text: of a long one its beginning, and all of it when that is asked for. */
export function Clipped({ children: text, most = MOST_CHARACTERS, show = plainly }: ClippedProps) {
  const [isWhole, setIsWhole] = useState(false);
  // A button that hides a few words is longer than they are.
  if (text.length <= 1.2 * most) return show(text);
  return (
    <div>
      {show(isWhole ? text : `${beginningOf(text, most)}…`)}
      <Button variant="default" size="compact-sm" mt={4} aria-expanded={isWhole} onClick={() => setIsWhole(!isWhole)}>
        {isWhole ? 'Show less' : `Show all ${count(charactersIn(text))} characters`}
      </Button>
    </div>
  );
}

function plainly(text: string): ReactNode {
  return <UserText>{text}</UserText>;
}

/** Not through the middle of a character of two units. */
function beginningOf(text: string, most: number): string {
  const beginning = text.slice(0, most);
  return /[\ud800-\udbff]$/.test(beginning) ? beginning.slice(0, -1) : beginning;
}

/** As the service counts: an emoji is one. */
function charactersIn(text: string): number {
  return text.length - (text.match(/[\ud800-\udbff](?=[\udc00-\udfff])/g)?.length ?? 0);
}
