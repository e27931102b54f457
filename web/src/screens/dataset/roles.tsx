import { Table } from '@mantine/core';
import type { DatasetProfile } from '../../api/types.ts';
import { DataTable } from '../../parts/data-table.tsx';
import { about, count, percent } from '../../parts/numbers.ts';
import { Share } from './bar.tsx';

const names = new Intl.DisplayNames(undefined, { type: 'language', fallback: 'code' });
/** Texts that are too short to tell, and code. */
const UNKNOWN = 'und';

/** Who says how much, and in which languages. */
export function Roles({ roles }: { roles: DatasetProfile['roles'] }) {
  const most = Math.max(...roles.map(({ characters }) => characters));
  return (
    <DataTable
      label="Roles and their languages"
      heads={['Role', 'Messages', 'Characters', 'Languages']}
      miw={520}
      verticalSpacing={4}
    >
      {roles.map(({ role, messages, characters, languages }) => (
        <Table.Tr key={role}>
          <Table.Th scope="row">{role}</Table.Th>
          <Table.Td>{count(messages)}</Table.Td>
          <Table.Td miw={140}>
            {about(characters)}
            <Share value={characters} of={most} />
          </Table.Td>
          <Table.Td>
            {languages.map((part) => (
              <div key={part.language} className="language">
                {part.language === UNKNOWN ? 'not known' : names.of(part.language)} {percent(part.percent)}
                <Share value={part.percent} of={100} />
              </div>
            ))}
          </Table.Td>
        </Table.Tr>
      ))}
    </DataTable>
  );
}
