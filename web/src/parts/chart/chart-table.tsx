import { Pagination, Table } from '@mantine/core';
import { useState } from 'react';
import { count } from '../numbers.ts';
import { Scrolled } from '../scrolled.tsx';
import type { Line } from './plot.ts';

const ROWS = 50;

/** What a chart shows, as numbers: the newest first. */
export function ChartTable({
  name,
  x,
  lines,
  format,
}: {
  name: string;
  x: number[];
  lines: Line[];
  format: (value: number) => string;
}) {
  const [page, setPage] = useState(1);
  const shown = x.map((_, index) => x.length - 1 - index).slice((page - 1) * ROWS, page * ROWS);
  return (
    <Scrolled label={`${name} as a table`}>
      <Table striped stickyHeader captionSide="top">
        <Table.Caption>{name} by step</Table.Caption>
        <Table.Thead>
          <Table.Tr>
            <Table.Th scope="col">step</Table.Th>
            {lines.map(({ label }) => (
              <Table.Th scope="col" key={label}>
                {label}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {shown.map((index) => (
            <Table.Tr key={x[index]}>
              <Table.Th scope="row">{count(x[index])}</Table.Th>
              {lines.map(({ label, values }) => {
                const value = values[index];
                return <Table.Td key={label}>{typeof value === 'number' ? format(value) : '—'}</Table.Td>;
              })}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      <Pagination
        total={Math.ceil(x.length / ROWS)}
        value={page}
        onChange={setPage}
        size="sm"
        getControlProps={(control) => ({ 'aria-label': `${control} page` })}
      />
    </Scrolled>
  );
}
