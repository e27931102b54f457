import { Box, SimpleGrid, Text, Title } from '@mantine/core';
import { Clipped } from '../../../parts/clipped.tsx';
import { count } from '../../../parts/numbers.ts';
import { shown, UserText } from '../../../parts/user-text.tsx';
import { beginningOf, type Difference, differenceFrom } from './word-difference.ts';
import './report.css';

/** A text, and what its words are held against. */
export interface Side {
  title: string;
  text: string;
  from?: { name: string; text: string } | undefined;
}

/** Texts beside each other, with the words marked that differ. */
export function SideBySide({ sides }: { sides: Side[] }) {
  return (
    <SimpleGrid cols={{ base: 1, md: sides.length }}>
      {sides.map((side) => (
        <SideView key={side.title} side={side} />
      ))}
    </SimpleGrid>
  );
}

function SideView({ side: { title, text, from } }: { side: Side }) {
  const difference = from && differenceFrom(from.text, text);
  return (
    <div className="report-answer">
      <Title order={4} size="h6">
        {title}
      </Title>
      {text.trim() === '' ? (
        <Text fs="italic">nothing</Text>
      ) : (
        <Clipped show={(part) => (difference ? <Marked difference={difference} part={part} /> : plainly(part))}>
          {text}
        </Clipped>
      )}
      {from && text.trim() !== '' && (
        <Text size="sm" mt={4} fs="italic">
          {difference
            ? inWords(difference, from.name)
            : `Too long for words to be marked that differ from ${from.name}.`}
        </Text>
      )}
    </div>
  );
}

function plainly(text: string) {
  return <UserText>{text}</UserText>;
}

/** `part`: the text, or its beginning and an ellipsis. */
function Marked({ difference: { pieces }, part }: { difference: Difference; part: string }) {
  const whole = pieces.reduce((sum, { text }) => sum + text.length, 0);
  const shownPieces = part.length < whole ? beginningOf(pieces, part.length - 1) : pieces;
  return (
    <Box dir="auto" className="user-text">
      {shownPieces.map(({ text, differs }, place) =>
        differs ? (
          // biome-ignore lint/suspicious/noArrayIndexKey: a piece is known by its place alone
          <mark key={place} className="differs">
            {shown(text)}
          </mark>
        ) : (
          shown(text)
        ),
      )}
      {part.length < whole && '…'}
    </Box>
  );
}

function inWords({ words, differing, missing }: Difference, from: string): string {
  if (differing === 0 && missing === 0) return `Word for word as ${from}.`;
  const marked =
    differing === 0
      ? 'Nothing is marked'
      : `${count(differing)} of ${count(words)} words and signs differ from ${from}`;
  return missing === 0
    ? `${marked}.`
    : `${marked}; ${count(missing)} of ${from} ${missing === 1 ? 'is' : 'are'} missing.`;
}
