import { Stack, Table } from '@mantine/core';
import type { Run } from '../../api/types.ts';
import { Scrolled } from '../../parts/scrolled.tsx';
import { ToCopy } from '../../parts/to-copy.tsx';
import { shown } from '../../parts/user-text.tsx';

/** What a run was asked with: it never changes, whatever becomes of defaults. */
export function Settings({ run }: { run: Run }) {
  const { hyperparameters } = run.spec as { hyperparameters?: Record<string, unknown> };
  return (
    <Stack>
      {hyperparameters !== undefined && (
        <Scrolled label="Hyperparameters">
          <Table maw={560} captionSide="top">
            <Table.Caption>Hyperparameters</Table.Caption>
            <Table.Tbody>
              {Object.entries(hyperparameters).map(([name, value]) => (
                <Table.Tr key={name}>
                  <Table.Th scope="row">{name}</Table.Th>
                  <Table.Td>{shown(typeof value === 'object' ? JSON.stringify(value) : String(value))}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Scrolled>
      )}
      <ToCopy label="All settings as JSON" text={JSON.stringify(run.spec, null, 2)} />
    </Stack>
  );
}
