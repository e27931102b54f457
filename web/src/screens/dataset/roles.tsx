import { Table } from '@mantine/core';
import type { DatasetProfile } from '../../api/types.ts';
import { about, count, percent } from '../../parts/numbers.ts';
import { Scrolled } from '../../parts/scrolled.tsx';
import { Share } from './bar.tsx';

const names = new Intl.DisplayNames(undefined, { type: 'language', fallback: 'code' });
/** Texts that are too short to tell, and code. */
const UNKNOWN = 'und';

/** Who says how much, and in which languages. */
export function Roles({ roles }: { roles: DatasetProfile['roles'] }) {
  const most = Math.max(...roles.map(({ characters }) => characters));
  return (
    <Scrolled label="Roles and their languages">
      <Table miw={520} verticalSpacing={4}>
        <Table.Thead>
          <Table.Tr>
            {['Role', 'Messages', 'Characters', 'Languages'].map((head) => (
              <Table.Th key={head} scope="col">
                {head}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
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
        </Table.Tbody>
      </Table>
    </Scrolled>
  );
}
