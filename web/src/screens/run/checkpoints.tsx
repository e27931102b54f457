import { Anchor, Stack, Table, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { checkpointsQuery } from '../../api/runs.ts';
import type { RunOwner } from '../../api/types.ts';
import { DataTable } from '../../parts/data-table.tsx';
import { bytes, count } from '../../parts/numbers.ts';
import { Problem } from '../../parts/problem.tsx';
import { forkOf } from '../../parts/runs/starts.ts';
import { When } from '../../parts/when.tsx';
import { PinButton } from './pin.tsx';

const STATES = {
  complete: 'kept',
  pruned: 'removed for newer ones',
  quarantined: 'put aside: it did not verify',
} as const;

/** What a run can go on from, and others begin from, newest first. `isTrained`: they hold weights, and not a part of an index. */
export function Checkpoints({ owner, run, isTrained }: { owner: RunOwner; run: number; isTrained: boolean }) {
  const { data, error } = useQuery(checkpointsQuery(owner, run));
  if (!data) return <Problem error={error} title="The checkpoints cannot be read" />;
  if (data.items.length === 0) return <Text>No checkpoint has been saved yet.</Text>;
  return (
    <Stack gap="xs">
      <Text size="sm" maw={760}>
        The trainer keeps the newest and the best, and policies remove those of runs that ended. A pinned one stays.
      </Text>
      <DataTable
        label="Checkpoints"
        heads={['Step', 'Epoch', 'Size', 'State', 'Pin', 'Saved', 'SHA-256 of its manifest']}
        miw={520}
      >
        {data.items.map((checkpoint) => (
          <Table.Tr key={`${checkpoint.step} ${checkpoint.created_at}`}>
            <Table.Th scope="row">{count(checkpoint.step)}</Table.Th>
            <Table.Td>{checkpoint.epoch.toFixed(2)}</Table.Td>
            <Table.Td className="no-wrap">{bytes(checkpoint.bytes)}</Table.Td>
            <Table.Td>
              {checkpoint.removed_because ?? STATES[checkpoint.state]}
              {checkpoint.state === 'complete' && isTrained && (
                <>
                  {' · '}
                  <Anchor
                    component={Link}
                    href={forkOf(owner, run, checkpoint.step)}
                    aria-label={`Fork at step ${checkpoint.step}`}
                  >
                    Fork
                  </Anchor>
                </>
              )}
            </Table.Td>
            <Table.Td>
              {checkpoint.pinned && 'pinned '}
              {(checkpoint.pinned || checkpoint.state === 'complete') && (
                <PinButton
                  owner={owner}
                  run={run}
                  what={{ step: checkpoint.step }}
                  of={`the checkpoint of step ${checkpoint.step}`}
                  isPinned={checkpoint.pinned}
                />
              )}
            </Table.Td>
            <Table.Td className="no-wrap">
              <When at={checkpoint.created_at} />
            </Table.Td>
            <Table.Td>
              <code title={checkpoint.manifest_sha256}>{checkpoint.manifest_sha256.slice(0, 12)}…</code>
            </Table.Td>
          </Table.Tr>
        ))}
      </DataTable>
    </Stack>
  );
}
