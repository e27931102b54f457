import { List, Stack, Table, Text } from '@mantine/core';
import { DataTable } from '../../parts/data-table.tsx';
import { loss, percent } from '../../parts/numbers.ts';
import { isOpen, whyOf } from '../../parts/runs/status.tsx';
import { Tag } from '../../parts/tag.tsx';
import { UserText } from '../../parts/user-text.tsx';
import { type ResultRow, resultRows } from './result-rows.ts';
import type { Compared } from './use-compared.ts';
import type { RunReport } from './use-reports.ts';

/** How each run did on the held-out rows of each trait, as its report has it. */
export function Results({ runs, reports }: { runs: Compared[]; reports: RunReport[] }) {
  const rows = resultRows(reports.map(({ report }) => report));
  const missing = runs.flatMap(({ label, run }, index) => {
    const { report, error, isPending } = reports[index] ?? { report: null, error: null, isPending: true };
    if (report !== null || isPending) return [];
    return [
      {
        id: run.id,
        label,
        why: error?.message ?? (isOpen(run.status) ? `It has not ended. ${whyOf(run)}` : whyOf(run)),
      },
    ];
  });
  return (
    <Stack>
      {missing.length > 0 && (
        <section aria-labelledby="without-results">
          <Text id="without-results">Without results:</Text>
          <List size="sm">
            {missing.map(({ id, label, why }) => (
              <List.Item key={id}>
                <bdi>{label}</bdi>: <UserText inline>{why}</UserText>
              </List.Item>
            ))}
          </List>
        </section>
      )}
      {rows.length > 0 && (
        <DataTable
          label="Results of each trait"
          heads={['Trait', 'Figure', ...runs.map(({ label }) => label)]}
          miw={240 + 150 * runs.length}
        >
          {rows.map((row) => (
            <Table.Tr key={`${row.trait} ${row.figure}`}>
              <Table.Th scope="row">
                <UserText inline>{row.trait}</UserText>
              </Table.Th>
              <Table.Td>{row.figure}</Table.Td>
              {row.values.map((value, index) => (
                <Table.Td key={runs[index]?.run.id}>
                  <Figure row={row} value={value} />
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
        </DataTable>
      )}
    </Stack>
  );
}

function Figure({ row: { kind, best }, value }: { row: ResultRow; value: number | null }) {
  if (value === null) return <>—</>;
  return (
    <>
      {kind === 'loss' ? loss(value) : percent(value * 100)} {value === best && <Tag color="teal">best</Tag>}
    </>
  );
}
