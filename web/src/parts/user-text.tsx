import { Box } from '@mantine/core';

/** Control characters, and those that would change how the text around them reads, or that nobody sees. Not tabs and ends of lines. */
const UNSEEN = /(?![\t\n])[\p{Cc}\p{Cf}]/gu;

/** Text of a user or a model: as it is, never as HTML, in its own direction, with marks in place of what cannot be seen. */
export function UserText({ children, inline = false }: { children: string; inline?: boolean }) {
  return (
    <Box component={inline ? 'span' : 'div'} dir="auto" className={inline ? 'user-text-inline' : 'user-text'}>
      {shown(children)}
    </Box>
  );
}

export function shown(text: string): string {
  return text.replace(
    UNSEEN,
    (character) => `\u27e8U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}\u27e9`,
  );
}
