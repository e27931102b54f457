import { Badge, type MantineColor } from '@mantine/core';
import type { ReactNode } from 'react';

/** A state in a word. The colour is behind it: of text in it, too little would stand out (WCAG 1.4.3). */
export function Tag({ color, children }: { color: MantineColor; children: ReactNode }) {
  return (
    <Badge className="tag" color={color} c="var(--mantine-color-text)" variant="light" radius="sm">
      {children}
    </Badge>
  );
}
