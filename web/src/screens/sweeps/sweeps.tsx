import { Anchor, Button, Table, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { sweepListQuery } from '../../api/sweeps.ts';
import type { SweepSummary } from '../../api/types.ts';
import { DataTable } from '../../parts/data-table.tsx';
import { count } from '../../parts/numbers.ts';
import { Pages, usePage } from '../../parts/pages.tsx';
import { Problem } from '../../parts/problem.tsx';
import { StatusBadge } from '../../parts/runs/status.tsx';
import { Screen } from '../../parts/screen.tsx';
import { UserText } from '../../parts/user-text.tsx';
import { When } from '../../parts/when.tsx';

const PAGE_SIZE = 25;

/** All sweeps, newest first. */
export default function Sweeps() {
  const { data, error } = useQuery(sweepListQuery(usePage(), PAGE_SIZE));
  return (
    <Screen
      title="Sweeps"
      actions={
        <Button component={Link} href="/new/sweep" size="sm">
          New sweep
        </Button>
      }
    >
      <Text>
        A sweep trains one job or project with many settings or mixtures, each as a run of its own, and finds the best
        by held-out loss. One over mixtures of a project is begun with <code>mtm sweep create -f sweep.yaml</code>.
      </Text>
      <Problem error={error} title="The sweeps cannot be read" />
      {data && data.items.length > 0 && (
        <DataTable
          label="Sweeps, newest first"
          heads={['Sweep', 'Status', 'Runs', 'Outcome', 'Asked for']}
          miw={640}
          verticalSpacing="xs"
        >
          {data.items.map((sweep) => (
            <Row key={sweep.id} sweep={sweep} />
          ))}
        </DataTable>
      )}
      {data && <Pages total={data.pages} />}
    </Screen>
  );
}

function Row({ sweep }: { sweep: SweepSummary }) {
  const { id, name, status, run_count, winner, error_message, created_at } = sweep;
  return (
    <Table.Tr>
      <Table.Th scope="row" maw={280}>
        <Anchor component={Link} href={`/sweeps/${id}`} lineClamp={2}>
          <UserText inline>{name}</UserText>
        </Anchor>
      </Table.Th>
      <Table.Td>
        <StatusBadge status={status} />
      </Table.Td>
      <Table.Td>{count(run_count)}</Table.Td>
      <Table.Td>
        <Text size="sm" lineClamp={3} component="div">
          <UserText>{winner?.sentence ?? error_message ?? ''}</UserText>
        </Text>
      </Table.Td>
      <Table.Td className="no-wrap">
        <When at={created_at} />
      </Table.Td>
    </Table.Tr>
  );
}
