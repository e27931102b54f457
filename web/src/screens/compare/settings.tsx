import { Group, Stack, Switch, Table, Text } from '@mantine/core';
import { useChangeAddress, useParam } from '../../parts/address.ts';
import { Folded } from '../../parts/folded.tsx';
import { NameSearch } from '../../parts/name-search.tsx';
import { count } from '../../parts/numbers.ts';
import { Scrolled } from '../../parts/scrolled.tsx';
import { ToCopy } from '../../parts/to-copy.tsx';
import { UserText } from '../../parts/user-text.tsx';
import type { Basis } from './fair.ts';
import { asText, found, type SettingRow, settingRows } from './setting-rows.ts';
import { askedOf, foundOf } from './settings-of.ts';
import type { Compared } from './use-compared.ts';
import type { RunReport } from './use-reports.ts';

/** What each run was started with: the differences first, and at first these alone. */
export function Settings({ runs, bases, reports }: { runs: Compared[]; bases: Basis[]; reports: RunReport[] }) {
  const showsAll = useParam('all') === 'yes';
  const search = useParam('find');
  const change = useChangeAddress();
  const known = runs.flatMap((run, index) => {
    const basis = bases[index];
    return basis === undefined ? [] : [{ run, basis, report: reports[index]?.report ?? null }];
  });
  const all = settingRows(
    known.map(({ run, basis }) => askedOf(run, basis)),
    known.map(({ run, basis, report }) => foundOf(run, basis, report)),
  );
  const rows = found(all, search).filter(({ differs }) => showsAll || differs);
  const heads = runs.map(({ label }) => label);
  return (
    <Stack>
      <Group align="end" gap="lg">
        <NameSearch label="Setting" param="find" />
        <Switch
          label="Differences only"
          checked={!showsAll}
          onChange={(event) => change({ all: event.currentTarget.checked ? null : 'yes' })}
        />
      </Group>
      <Text role="status" size="sm">
        {sentenceOf(rows, all, search)}
      </Text>
      {rows.length > 0 && (
        <>
          <Scrolled label="Settings run by run">
            <Table miw={220 + 160 * runs.length} fz="sm">
              <Table.Thead>
                <Table.Tr>
                  {['Setting', ...heads].map((head) => (
                    <Table.Th key={head} scope="col">
                      <bdi>{head}</bdi>
                    </Table.Th>
                  ))}
                </Table.Tr>
              </Table.Thead>
              <Rows title="Different" rows={rows.filter(({ differs }) => differs)} runs={runs} />
              <Rows title="The same in all" rows={rows.filter(({ differs }) => !differs)} runs={runs} />
            </Table>
          </Scrolled>
          <Folded label="As text, to copy">
            <ToCopy text={asText(heads, rows)} label="Settings as text" />
          </Folded>
        </>
      )}
    </Stack>
  );
}

function Rows({ title, rows, runs }: { title: string; rows: SettingRow[]; runs: Compared[] }) {
  if (rows.length === 0) return null;
  return (
    <Table.Tbody>
      <Table.Tr>
        <Table.Th scope="rowgroup" colSpan={runs.length + 1}>
          {title}
        </Table.Th>
      </Table.Tr>
      {rows.map(({ name, values }) => (
        <Table.Tr key={name}>
          <Table.Th scope="row" fw={400}>
            {name}
          </Table.Th>
          {values.map((value, index) => (
            <Table.Td key={runs[index]?.run.id}>
              {value === null ? <>—</> : <UserText inline>{value}</UserText>}
            </Table.Td>
          ))}
        </Table.Tr>
      ))}
    </Table.Tbody>
  );
}

function sentenceOf(rows: SettingRow[], all: SettingRow[], search: string): string {
  const differing = all.filter(({ differs }) => differs).length;
  if (rows.length === 0 && search !== '') return 'No setting is like this.';
  if (rows.length === 0) return 'No setting is different. Switch “Differences only” off to see all.';
  return `${count(rows.length)} of ${count(all.length)} settings shown; ${count(differing)} are different.`;
}
