import { Alert, Anchor, Button, List, Stack, Text } from '@mantine/core';
import { lazy, Suspense } from 'react';
import { Link } from 'wouter';
import { useChangeAddress, useChoice, useParam } from '../../parts/address.ts';
import { Loading } from '../../parts/loading.tsx';
import { NamedTabs } from '../../parts/named-tabs.tsx';
import { chosenIn, MOST_COMPARED, problemOf, writtenAs } from '../../parts/runs/chosen.ts';
import { Screen } from '../../parts/screen.tsx';
import { UserText } from '../../parts/user-text.tsx';
import { unfairness } from './fair.ts';
import { Results } from './results.tsx';
import { RunKeys } from './run-keys.tsx';
import { Settings } from './settings.tsx';
import { useBases } from './use-bases.ts';
import { type Compared, useCompared } from './use-compared.ts';
import { useReports } from './use-reports.ts';

const CurveCharts = lazy(() => import('./curve-charts.tsx'));

const TABS = ['curves', 'settings', 'results'] as const;

/** Two to eight runs side by side: their curves, what they were started with, and how they did. Which ones stands in the address. */
export default function Compare() {
  const { runs: chosen, problems: unread } = chosenIn(useParam('runs'));
  const { runs, problems: missing, isRead } = useCompared(chosen.slice(0, MOST_COMPARED));
  const number = problemOf(chosen);
  const tooFew = isRead && number === null && runs.length < 2 ? 'Fewer than two of these runs are there.' : null;
  const problems = [...unread, ...missing, ...[number, tooFew].filter((sentence) => sentence !== null)];
  const change = useChangeAddress();
  const leaveOut = ({ chosen: own }: Compared) =>
    change({
      runs: chosen
        .map(writtenAs)
        .filter((each) => each !== writtenAs(own))
        .join(','),
    });
  return (
    <Screen
      title="Compare"
      actions={
        <Button component={Link} href={`/runs?chosen=${chosen.map(writtenAs).join(',')}`} size="sm" variant="default">
          {chosen.length === 0 ? 'Choose runs' : 'Choose other runs'}
        </Button>
      }
    >
      {problems.length > 0 && <Sentences title="Not all of this can be compared" sentences={problems} />}
      {chosen.length === 0 && (
        <Text>
          Choose runs in{' '}
          <Anchor component={Link} href="/runs">
            the list of all runs
          </Anchor>
          , or with “Compare with…” where one is shown.
        </Text>
      )}
      {runs.length > 0 && <RunKeys runs={runs} onLeaveOut={leaveOut} />}
      {runs.length > 0 && <Comparison runs={runs} />}
    </Screen>
  );
}

function Comparison({ runs }: { runs: Compared[] }) {
  const tab = useChoice('tab', TABS, 'curves');
  const bases = useBases(runs);
  const reports = useReports(runs);
  const unfair = unfairness(bases);
  return (
    <Stack>
      {unfair.length > 0 && <Sentences title="What is not a fair comparison" sentences={unfair} />}
      <NamedTabs names={TABS} tab={tab}>
        {tab === 'curves' && (
          <Suspense fallback={<Loading />}>
            <CurveCharts runs={runs} bases={bases} />
          </Suspense>
        )}
        {tab === 'settings' && <Settings runs={runs} bases={bases} reports={reports} />}
        {tab === 'results' && <Results runs={runs} reports={reports} />}
      </NamedTabs>
    </Stack>
  );
}

function Sentences({ title, sentences }: { title: string; sentences: string[] }) {
  return (
    <Alert color="yellow" title={title}>
      <List size="sm">
        {sentences.map((sentence) => (
          <List.Item key={sentence}>
            <UserText inline>{sentence}</UserText>
          </List.Item>
        ))}
      </List>
    </Alert>
  );
}
