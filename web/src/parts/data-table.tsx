import { Table, type TableProps } from '@mantine/core';
import type { ReactNode } from 'react';
import { Scrolled } from './scrolled.tsx';

/** A table of data with a head for each column, which scrolls in its own place. `children`: its rows. */
export function DataTable({
  label,
  heads,
  caption,
  children,
  ...looks
}: { label: string; heads: string[]; caption?: string; children: ReactNode } & Omit<TableProps, 'data'>) {
  return (
    <Scrolled label={label}>
      <Table {...looks}>
        {caption !== undefined && <Table.Caption ta="start">{caption}</Table.Caption>}
        <Table.Thead>
          <Table.Tr>
            {heads.map((head, place) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: two columns may have the same head
              <Table.Th key={`${place} ${head}`} scope="col">
                {head}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>{children}</Table.Tbody>
      </Table>
    </Scrolled>
  );
}
