import { type MantineSize, Modal, Stack } from '@mantine/core';
import type { ReactNode } from 'react';

/**
 * A question that has to be answered first; Escape leaves everything as it is. Made of the Modal's parts, without its header: that is
 * a `<header>`, which readers for the blind take for a second one of the page. It is there at once: what is typed while it would fade in
 * would be lost.
 */
export function Dialog({
  title,
  isOpen,
  onClose,
  size = 'md',
  returnsFocus = true,
  children,
}: {
  title: string;
  isOpen: boolean;
  onClose: () => void;
  size?: MantineSize;
  /** Whether the focus goes back to where it was, unless what is inside took it before. */
  returnsFocus?: boolean;
  children: ReactNode;
}) {
  return (
    <Modal.Root
      opened={isOpen}
      onClose={onClose}
      size={size}
      transitionProps={{ duration: 0 }}
      returnFocus={returnsFocus}
      centered
    >
      <Modal.Overlay />
      <Modal.Content>
        <Modal.Body pt="md">
          <Stack>
            <Modal.Title fw={600}>{title}</Modal.Title>
            {children}
          </Stack>
        </Modal.Body>
      </Modal.Content>
    </Modal.Root>
  );
}
