import { Anchor, Table, Text } from '@mantine/core';
import { Link } from 'wouter';
import type { Sweep } from '../../api/types.ts';
import { DataTable } from '../../parts/data-table.tsx';
import { count, loss } from '../../parts/numbers.ts';
import { addressOf } from '../../parts/runs/owners.ts';
import { StatusBadge } from '../../parts/runs/status.tsx';
import { Tag } from '../../parts/tag.tsx';
import { UserText } from '../../parts/user-text.tsx';
import { isSame, nameOf, ownerOf, ranked, type SweepRun, valueText } from './ranked.ts';

/** The runs of a sweep with what varies, the best first. */
export function SweepRuns({ sweep }: { sweep: Sweep }) {
  const varied = Object.keys(sweep.runs[0]?.settings ?? {});
  const steps = sweep.early_stop?.rungs ?? [];
  const heads = [
    'Run',
    ...varied,
    'Status',
    'Step',
    ...steps.map((step) => `Loss at step ${count(step)}`),
    'Held-out loss',
    'Why',
  ];
  return (
    <DataTable label="Runs of the sweep, the best first" heads={heads} miw={760} verticalSpacing="xs">
      {ranked(sweep).map((run) => (
        <Row
          key={nameOf(run)}
          run={run}
          varied={varied}
          isWinner={sweep.winner !== null && isSame(run, sweep.winner)}
        />
      ))}
    </DataTable>
  );
}

function Row({ run, varied, isWinner }: { run: SweepRun; varied: string[]; isWinner: boolean }) {
  const { settings, status, pause_reason, error_message, current_step, total_steps } = run;
  const owner = ownerOf(run);
  const losses = [...run.rung_losses, run.held_out_loss].map((value, nth) => ({ value, nth }));
  return (
    <Table.Tr>
      <Table.Th scope="row" className="no-wrap">
        <Anchor component={Link} href={addressOf(owner)}>
          {owner.kind === 'job' ? 'Job' : 'Project'} {owner.id}
        </Anchor>
        {isWinner && (
          <>
            {' '}
            <Tag color="teal">winner</Tag>
          </>
        )}
      </Table.Th>
      {varied.map((name) => (
        <Table.Td key={name}>
          <UserText inline>{valueText(settings[name])}</UserText>
        </Table.Td>
      ))}
      <Table.Td>
        <StatusBadge status={status} paused={pause_reason !== null} />
      </Table.Td>
      <Table.Td>
        {count(current_step)} of {count(total_steps)}
      </Table.Td>
      {losses.map(({ value, nth }) => (
        <Table.Td key={nth}>{loss(value)}</Table.Td>
      ))}
      <Table.Td>
        <Text size="sm" component="div">
          <UserText>{error_message ?? pause_reason ?? ''}</UserText>
        </Text>
      </Table.Td>
    </Table.Tr>
  );
}
