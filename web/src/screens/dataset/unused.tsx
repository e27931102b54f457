import { List } from '@mantine/core';
import type { DatasetProfile } from '../../api/types.ts';
import { count } from '../../parts/numbers.ts';
import { UserText } from '../../parts/user-text.tsx';
import { RowLink } from './row-link.tsx';

/** What rows hold that no model learns from, each with its first row; nothing where all is used. */
export function Unused({ unused }: { unused: DatasetProfile['unused'] }) {
  if (unused.length === 0) return null;
  return (
    <List size="sm">
      {unused.map(({ part, rows, first_row }) => (
        <List.Item key={part}>
          Training makes no use of <UserText inline>{part}</UserText>, which {count(rows)}{' '}
          {rows === 1 ? 'row has' : 'rows have'}; the first is <RowLink row={first_row} />
        </List.Item>
      ))}
    </List>
  );
}
