import { Loader, Stack, Table, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { isAtWork } from '../../api/at-work.ts';
import { checkQuery } from '../../api/datasets.ts';
import type { MappingCheck as Check, Mapping } from '../../api/types.ts';
import { Clipped } from '../../parts/clipped.tsx';
import { DataTable } from '../../parts/data-table.tsx';
import { count, percent } from '../../parts/numbers.ts';
import { Problem } from '../../parts/problem.tsx';
import { shown, UserText } from '../../parts/user-text.tsx';
import { Bar } from './bar.tsx';
import { RowLink } from './row-link.tsx';
import { Unused } from './unused.tsx';

const CELL_CHARACTERS = 200;

/** What a mapping would make of every row: how many can be used, and of the others why not, each with its first row. */
export function MappingCheck({ id, mapping, columns }: { id: number; mapping: Mapping; columns: string[] }) {
  const { data, error } = useQuery(checkQuery(id, mapping));
  const isThere = data !== undefined && !isAtWork(data);
  return (
    <Stack component="section" aria-label="What it makes of the rows" gap="xs">
      <Text role="status">
        {isThere
          ? `${count(data.usable_rows)} of ${count(data.rows)} rows can be trained on.`
          : error === null
            ? `Every row is looked at${isAtWork(data) && data.progress_percent !== null ? `: ${percent(data.progress_percent)}` : ''}`
            : ''}
        {!isThere && error === null && <Loader size="xs" ml="xs" aria-hidden="true" />}
      </Text>
      <Problem error={error} title="It does not fit" />
      {isThere && (
        <>
          <Bar of={data.rows} value={data.usable_rows} label="Of all rows" />
          {data.unusable.length > 0 && (
            <Unusable
              unusable={data.unusable}
              columns={columns.filter((name) => Object.values(mapping).includes(name))}
            />
          )}
          <Unused unused={data.unused} />
        </>
      )}
    </Stack>
  );
}

function Unusable({ unusable, columns }: { unusable: Check['unusable']; columns: string[] }) {
  return (
    <DataTable
      label="Unusable rows by reason"
      heads={['Why not', 'Rows', 'The first', ...columns.map(shown)]}
      miw={560}
      verticalSpacing={4}
    >
      {unusable.map(({ problem, rows, first_row, values }) => (
        <Table.Tr key={problem}>
          <Table.Th scope="row" fw={400}>
            <UserText>{problem}</UserText>
          </Table.Th>
          <Table.Td>{count(rows)}</Table.Td>
          <Table.Td className="no-wrap">
            <RowLink row={first_row} />
          </Table.Td>
          {columns.map((name) => {
            const value = values[name] ?? null;
            return (
              <Table.Td key={name}>
                {value === null ? (
                  <i>no value</i>
                ) : value === '' ? (
                  <i>empty</i>
                ) : (
                  <Clipped most={CELL_CHARACTERS}>{value}</Clipped>
                )}
              </Table.Td>
            );
          })}
        </Table.Tr>
      ))}
    </DataTable>
  );
}
