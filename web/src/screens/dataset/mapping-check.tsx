import { List, Loader, Stack, Table, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { isAtWork } from '../../api/at-work.ts';
import { checkQuery } from '../../api/datasets.ts';
import type { MappingCheck as Check, Mapping } from '../../api/types.ts';
import { Clipped } from '../../parts/clipped.tsx';
import { count, percent } from '../../parts/numbers.ts';
import { Problem } from '../../parts/problem.tsx';
import { Scrolled } from '../../parts/scrolled.tsx';
import { shown, UserText } from '../../parts/user-text.tsx';
import { Bar } from './bar.tsx';
import { RowLink } from './row-link.tsx';

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
          {data.unused.length > 0 && (
            <List size="sm">
              {data.unused.map(({ part, rows, first_row }) => (
                <List.Item key={part}>
                  Training would make no use of <UserText inline>{part}</UserText>, which {count(rows)}{' '}
                  {rows === 1 ? 'row has' : 'rows have'}; the first is <RowLink row={first_row} />
                </List.Item>
              ))}
            </List>
          )}
        </>
      )}
    </Stack>
  );
}

function Unusable({ unusable, columns }: { unusable: Check['unusable']; columns: string[] }) {
  return (
    <Scrolled label="Unusable rows by reason">
      <Table miw={560} verticalSpacing={4}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th scope="col">Why not</Table.Th>
            <Table.Th scope="col">Rows</Table.Th>
            <Table.Th scope="col">The first</Table.Th>
            {columns.map((name) => (
              <Table.Th key={name} scope="col">
                {shown(name)}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
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
        </Table.Tbody>
      </Table>
    </Scrolled>
  );
}
