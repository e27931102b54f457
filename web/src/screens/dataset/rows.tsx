import { Button, Group, NativeSelect, SegmentedControl, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { rowsQuery } from '../../api/datasets.ts';
import type { Dataset } from '../../api/types.ts';
import { useChangeAddress, useChoice, useNumberParam } from '../../parts/address.ts';
import { NumberField } from '../../parts/number-field.tsx';
import { count } from '../../parts/numbers.ts';
import { Problem } from '../../parts/problem.tsx';
import { Row } from './row.tsx';

const AT_ONCE = ['10', '1', '3', '50'] as const;
const VIEWS = ['conversations', 'stored'] as const;

/** The rows of a dataset, as the conversations that they give or as they are stored; from the row on that the address names. */
export function Rows({ dataset: { id, row_count } }: { dataset: Dataset }) {
  const first = useNumberParam('row') ?? 0;
  const atOnce = Number(useChoice('rows', AT_ONCE, '10'));
  const view = useChoice('view', VIEWS, 'conversations');
  const change = useChangeAddress();
  const { data, error, isPlaceholderData } = useQuery(rowsQuery(id, first, atOnce));
  const go = (row: number) => change({ row: row <= 0 ? null : String(row) });
  const last = Math.min(row_count, first + atOnce) - 1;
  return (
    <Stack>
      <Group align="end">
        <SegmentedControl
          aria-label="How rows are shown"
          value={view}
          onChange={(value) => change({ view: value === 'stored' ? value : null })}
          data={[
            { value: 'conversations', label: 'As conversations' },
            { value: 'stored', label: 'As stored' },
          ]}
        />
        <NumberField label="From row" w={110} value={first} min={0} max={Math.max(0, row_count - 1)} onTake={go} />
        <NativeSelect
          label="Rows at once"
          value={String(atOnce)}
          data={[...AT_ONCE].sort((a, b) => Number(a) - Number(b))}
          onChange={({ currentTarget: { value } }) => change({ rows: value === '10' ? null : value })}
        />
        <Group gap="xs">
          <Button variant="default" disabled={first === 0} onClick={() => go(first - atOnce)}>
            Before
          </Button>
          <Button variant="default" disabled={last >= row_count - 1} onClick={() => go(first + atOnce)}>
            After
          </Button>
        </Group>
      </Group>
      <Text role="status" size="sm">
        {first >= row_count
          ? `There is no row ${first}: the last one is ${row_count - 1}, since they count from 0.`
          : `Rows ${count(first)} to ${count(last)} of ${count(row_count)}; they count from 0.`}
      </Text>
      <Problem error={error} title="These rows cannot be shown" />
      {error === null && data && (
        <Stack className={isPlaceholderData ? 'stale' : undefined}>
          {data.rows.map((row) => (
            <Row key={row.row_number} row={row} view={view} />
          ))}
        </Stack>
      )}
    </Stack>
  );
}
