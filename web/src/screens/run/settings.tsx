import { Button, Code, CopyButton, Stack, Table } from '@mantine/core';
import type { Run } from '../../api/types.ts';
import { Scrolled } from '../../parts/scrolled.tsx';
import { shown } from '../../parts/user-text.tsx';

/** What a run was asked with: it never changes, whatever becomes of defaults. */
export function Settings({ run }: { run: Run }) {
  const json = JSON.stringify(run.spec, null, 2);
  const { hyperparameters, ...others } = run.spec as { hyperparameters?: Record<string, unknown> };
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
      <Code block tabIndex={0}>
        {shown(JSON.stringify(others, null, 2))}
      </Code>
      <CopyButton value={json}>
        {({ copied, copy }) => (
          <Button variant="default" onClick={copy} w="fit-content">
            {copied ? 'Copied' : 'Copy all of it as JSON'}
          </Button>
        )}
      </CopyButton>
    </Stack>
  );
}
