import { type MantineSize, Modal, Stack } from '@mantine/core';
import type { ReactNode } from 'react';

/**
 * A question that has to be answered first; Escape leaves everything as it is. Made of the Modal's parts, without its header: that is
 * a `<header>`, which readers for the blind take for a second one of the page.
 */
export function Dialog({
  title,
  isOpen,
  onClose,
  size = 'md',
  children,
}: {
  title: string;
  isOpen: boolean;
  onClose: () => void;
  size?: MantineSize;
  children: ReactNode;
}) {
  return (
    <Modal.Root opened={isOpen} onClose={onClose} size={size} centered>
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
