import { Box, Button, Collapse } from '@mantine/core';
import { useDisclosure, useId } from '@mantine/hooks';
import type { ReactNode } from 'react';

interface FoldedProps {
  label: string;
  /** What it is about, for those who do not see where it stands, where there are several. */
  of?: string;
  opened?: boolean;
  children: ReactNode;
}

/** What most visitors need not see, behind a button that says what it is. */
export function Folded({ label, of, opened = false, children }: FoldedProps) {
  const [isOpen, { toggle }] = useDisclosure(opened);
  const id = useId();
  return (
    <Box>
      <Button
        variant="subtle"
        size="compact-sm"
        px={0}
        onClick={toggle}
        aria-label={of === undefined ? undefined : `${label}, ${of}`}
        aria-expanded={isOpen}
        aria-controls={id}
      >
        <span aria-hidden="true">{isOpen ? '▾' : '▸'}&nbsp;</span>
        {label}
      </Button>
      <Collapse expanded={isOpen} id={id}>
        <Box pt="sm">{children}</Box>
      </Collapse>
    </Box>
  );
}
