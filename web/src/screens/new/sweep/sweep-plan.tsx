import { Table, Text } from '@mantine/core';
import type { SweepPlan } from '../../../api/types.ts';
import { DataTable } from '../../../parts/data-table.tsx';
import { bytes, count, duration } from '../../../parts/numbers.ts';
import { UserText } from '../../../parts/user-text.tsx';
import { PlanFrame } from '../plan-frame.tsx';
import type { SweepPlanState } from './use-sweep-plan.ts';

const WORDS = { before: 'What the sweep would be is worked out here. Before that:', atWork: 'Worked out' };

/** What would come of the draft as it is: its runs, its rungs, what they take, and what is in the way. */
export function SweepPlanPanel({ state }: { state: SweepPlanState }) {
  const { plan, missing } = state;
  const problems = missing.map((sentence) => ({ place: '', sentence }));
  return (
    <PlanFrame state={state} problems={problems} words={WORDS}>
      {plan !== null && <Plan plan={plan} />}
    </PlanFrame>
  );
}

function Plan({ plan: { run_count, duplicates_dropped, rungs, totals, runs } }: { plan: SweepPlan }) {
  const varied = Object.keys(runs[0]?.settings ?? {});
  const reason = runs.find(({ plan }) => plan?.no_estimate)?.plan?.no_estimate;
  return (
    <>
      <Text fw={600}>
        {count(run_count)} runs
        {duplicates_dropped > 0 ? `; ${count(duplicates_dropped)} combinations are there twice, and dropped` : ''}
      </Text>
      {rungs.map(({ step, runs: there, kept }) => (
        <Text size="sm" key={step}>
          At step {count(step)} {count(kept)} of {count(there)} go on.
        </Text>
      ))}
      {totals === null ? (
        <Text size="sm" c="dimmed">
          <UserText>{reason ?? ''}</UserText>
        </Text>
      ) : (
        <Text size="sm">
          About {duration(totals.seconds)} in all, {bytes(totals.memory_bytes)} of memory for the largest run,{' '}
          {bytes(totals.disk_bytes)} of disk.{totals.fits ? '' : ' Not every run fits.'}
        </Text>
      )}
      <DataTable label="Runs of the sweep" heads={['Run', ...varied, 'Steps', 'Time', 'Memory']} fz="sm">
        {runs.map(({ name, settings, refusal, plan }, nth) => (
          <Table.Tr key={name}>
            <Table.Th scope="row">{nth + 1}</Table.Th>
            {varied.map((each) => (
              <Table.Td key={each}>
                <UserText inline>{String(settings[each])}</UserText>
              </Table.Td>
            ))}
            {refusal !== null ? (
              <Table.Td colSpan={3}>
                <UserText>{refusal}</UserText>
              </Table.Td>
            ) : (
              <>
                <Table.Td>{count(plan?.steps.total ?? null)}</Table.Td>
                <Table.Td>{duration(plan?.estimate?.time.seconds ?? null)}</Table.Td>
                <Table.Td>{bytes(plan?.estimate?.memory.needed_bytes ?? null)}</Table.Td>
              </>
            )}
          </Table.Tr>
        ))}
      </DataTable>
    </>
  );
}
