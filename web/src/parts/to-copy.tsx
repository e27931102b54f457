import { Button, Code, Group, Stack } from '@mantine/core';
import { useClipboard } from '@mantine/hooks';
import { shown } from './user-text.tsx';

/** A text to be pasted elsewhere. It is shown as well: browsers let pages write to the clipboard on https and on this machine alone. */
export function ToCopy({ text, label }: { text: string; label: string }) {
  const { copy, copied, error } = useClipboard();
  return (
    <Group gap="xs" wrap="nowrap" align="start">
      <Stack gap={4} flex={1} miw={0}>
        <Code block className="user-text" role="region" aria-label={label}>
          {shown(text)}
        </Code>
        {error !== null && (
          <span role="status">This browser lets the page copy nothing: select the text, and copy it yourself.</span>
        )}
      </Stack>
      <Button size="compact-sm" variant="default" onClick={() => copy(text)} aria-label={`Copy: ${label}`}>
        {copied ? 'Copied' : 'Copy'}
      </Button>
    </Group>
  );
}
