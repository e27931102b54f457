import { Pagination, Table } from '@mantine/core';
import { useState } from 'react';
import { Scrolled } from '../scrolled.tsx';
import type { Axis } from './axes.ts';
import { type Line, readingAt } from './line.ts';

const ROWS = 50;

/** What a chart shows, as numbers: the newest first. */
export function ChartTable({
  name,
  axis,
  x,
  lines,
  format,
}: {
  name: string;
  axis: Axis;
  x: number[];
  lines: Line[];
  format: (value: number) => string;
}) {
  const [page, setPage] = useState(1);
  const shown = x.map((_, index) => x.length - 1 - index).slice((page - 1) * ROWS, page * ROWS);
  return (
    <Scrolled label={`${name} as a table`}>
      <Table striped stickyHeader captionSide="top">
        <Table.Caption>
          {name} by {axis.name}
        </Table.Caption>
        <Table.Thead>
          <Table.Tr>
            <Table.Th scope="col">{axis.name}</Table.Th>
            {lines.map(({ label }) => (
              <Table.Th scope="col" key={label}>
                <bdi>{label}</bdi>
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {shown.map((index) => (
            <Table.Tr key={x[index]}>
              <Table.Th scope="row">{axis.format(x[index] ?? 0)}</Table.Th>
              {lines.map((line) => {
                const value = readingAt(line, index);
                return <Table.Td key={line.label}>{value === null ? '—' : format(value)}</Table.Td>;
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
