import { Button, Group, List, ScrollArea, Stack, Text } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { type Cleaned, clean, storageKey } from '../../api/storage.ts';
import { Dialog } from '../../parts/dialog.tsx';
import { bytes, count } from '../../parts/numbers.ts';
import { Problem } from '../../parts/problem.tsx';
import { OfRun } from './of-run.tsx';

/** Says first what would go, then has it removed, once somebody has agreed to that. */
export function CleanUp() {
  const queries = useQueryClient();
  const [isAsked, ask] = useState(false);
  const look = useMutation({ mutationFn: () => clean({ dry_run: true }) });
  const remove = useMutation({
    mutationFn: () => clean({ dry_run: false }),
    onSuccess: () => {
      ask(false);
      look.reset();
      return queries.invalidateQueries({ queryKey: storageKey });
    },
  });
  const found = look.data;
  return (
    <Stack gap="xs" align="flex-start">
      <Button
        variant="default"
        loading={look.isPending}
        onClick={() => {
          remove.reset();
          look.mutate();
        }}
      >
        See what would go now
      </Button>
      <Problem error={look.error} title="It cannot be said what would go" />
      <div role="status">
        {found && <Text>{found.items.length === 0 ? 'Nothing is due.' : `${sumOf(found)} would go now:`}</Text>}
        {remove.data && (
          <Text>{remove.data.items.length === 0 ? 'Nothing was due any more.' : `${sumOf(remove.data)} go now.`}</Text>
        )}
      </div>
      {found && found.items.length > 0 && (
        <>
          <Things found={found} />
          <Button color="red" onClick={() => ask(true)}>
            Clean up
          </Button>
        </>
      )}
      <Dialog isOpen={isAsked} onClose={() => ask(false)} title="Clean up now" size="lg">
        {found && (
          <>
            <Text>
              {sumOf(found)} go for good. What becomes due until then goes as well; what somebody pins, or a run takes
              up, stays.
            </Text>
            <ScrollArea.Autosize mah={300} viewportProps={{ tabIndex: 0, role: 'region', 'aria-label': 'What goes' }}>
              <Things found={found} />
            </ScrollArea.Autosize>
            <Problem error={remove.error} />
            <Group justify="end">
              <Button variant="default" onClick={() => ask(false)}>
                Leave it as it is
              </Button>
              <Button color="red" loading={remove.isPending} onClick={() => remove.mutate()}>
                Remove {bytes(found.bytes)}
              </Button>
            </Group>
          </>
        )}
      </Dialog>
    </Stack>
  );
}

function sumOf({ items, bytes: all, is_more }: Cleaned): string {
  const things = items.length === 1 ? '1 thing' : `${count(items.length)} things`;
  return `${things}, ${bytes(all)}${is_more ? ', and more that is not named here,' : ''}`;
}

function Things({ found: { items } }: { found: Cleaned }) {
  return (
    <List size="sm">
      {items.map(({ kind, name, bytes: size, why }) => (
        <List.Item key={`${kind} ${name}`}>
          <OfRun name={name} /> ({size === null ? 'size not known' : bytes(size)}): {why}
        </List.Item>
      ))}
    </List>
  );
}
