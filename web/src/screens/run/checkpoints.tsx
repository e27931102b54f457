import { Table, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { checkpointsQuery } from '../../api/runs.ts';
import type { RunOwner } from '../../api/types.ts';
import { bytes, count } from '../../parts/numbers.ts';
import { Problem } from '../../parts/problem.tsx';
import { Scrolled } from '../../parts/scrolled.tsx';
import { When } from '../../parts/when.tsx';

const STATES = {
  complete: 'kept',
  pruned: 'removed for newer ones',
  quarantined: 'put aside: it did not verify',
} as const;

/** What a run can go on from, newest first. */
export function Checkpoints({ owner, run }: { owner: RunOwner; run: number }) {
  const { data, error } = useQuery(checkpointsQuery(owner, run));
  if (!data) return <Problem error={error} title="The checkpoints cannot be read" />;
  if (data.items.length === 0) return <Text>No checkpoint has been saved yet.</Text>;
  return (
    <Scrolled label="Checkpoints">
      <Table miw={520}>
        <Table.Thead>
          <Table.Tr>
            {['Step', 'Epoch', 'Size', 'State', 'Saved', 'SHA-256 of its manifest'].map((head) => (
              <Table.Th key={head} scope="col">
                {head}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {data.items.map((checkpoint) => (
            <Table.Tr key={`${checkpoint.step} ${checkpoint.created_at}`}>
              <Table.Th scope="row">{count(checkpoint.step)}</Table.Th>
              <Table.Td>{checkpoint.epoch.toFixed(2)}</Table.Td>
              <Table.Td className="no-wrap">{bytes(checkpoint.bytes)}</Table.Td>
              <Table.Td>{STATES[checkpoint.state]}</Table.Td>
              <Table.Td className="no-wrap">
                <When at={checkpoint.created_at} />
              </Table.Td>
              <Table.Td>
                <code title={checkpoint.manifest_sha256}>{checkpoint.manifest_sha256.slice(0, 12)}…</code>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Scrolled>
  );
}
