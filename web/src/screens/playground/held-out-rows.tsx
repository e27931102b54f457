import { Anchor, Button, Group, List, Stack, Text } from '@mantine/core';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { heldOutQuery } from '../../api/runs.ts';
import type { RunOwner } from '../../api/types.ts';
import { useChangeAddress, useNumberParam } from '../../parts/address.ts';
import { count } from '../../parts/numbers.ts';
import { Pages, usePage } from '../../parts/pages.tsx';
import { Problem } from '../../parts/problem.tsx';
import { UserText } from '../../parts/user-text.tsx';
import { beginningOf } from './conversation.ts';

const AT_ONCE = 5;
const MOST_CHARACTERS = 160;

/** The rows that a run has not been trained on: a question from them is one that neither model knows. */
export function HeldOutRows({ owner, run }: { owner: RunOwner; run: number }) {
  const row = useNumberParam('row');
  const page = usePage('rows');
  const change = useChangeAddress();
  const first = (page - 1) * AT_ONCE;
  const { data, error } = useQuery({
    ...heldOutQuery(owner, run, first, AT_ONCE),
    placeholderData: keepPreviousData,
  });
  if (!data) return <Problem error={error} title="The held-out rows cannot be read" />;
  if (data.total === 0) return <Text>This run holds out no rows.</Text>;
  const pick = (next: number | null) => change({ row: next === null ? null : String(next) });
  return (
    <Stack gap="sm">
      <Text size="sm">
        {data.total === 1 ? 'One row was' : `${count(data.total)} rows were`} not trained on. Pick one to ask what it
        asks.
      </Text>
      <List listStyleType="none" spacing="xs">
        {data.items.map((item, place) => (
          <List.Item key={`${item.dataset_id} ${item.row_number}`}>
            <Anchor
              component="button"
              type="button"
              ta="start"
              lineClamp={2}
              fw={first + place === row ? 700 : 400}
              aria-current={first + place === row}
              onClick={() => pick(first + place)}
            >
              <UserText inline>{beginningOf(item, MOST_CHARACTERS) || 'a row without words'}</UserText>
            </Anchor>
          </List.Item>
        ))}
      </List>
      <Pages total={Math.ceil(data.total / AT_ONCE)} name="rows" />
      <Group gap="xs">
        <Button size="compact-sm" variant="default" onClick={() => pick(Math.floor(Math.random() * data.total))}>
          Any row
        </Button>
        {row !== null && (
          <Button size="compact-sm" variant="default" onClick={() => pick(null)}>
            Ask something of your own
          </Button>
        )}
      </Group>
    </Stack>
  );
}
