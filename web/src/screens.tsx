import { Text, Title } from '@mantine/core';
import { lazy, type ReactNode, Suspense } from 'react';
import { Link, Route, Switch, useLocation } from 'wouter';
import { Loading } from './parts/loading.tsx';
import { BrokenScreen } from './parts/shell/broken-screen.tsx';

/** A screen is loaded when it is first shown. */
const Overview = lazy(() => import('./screens/overview/overview.tsx'));
const Runs = lazy(() => import('./screens/runs/runs.tsx'));
const Queue = lazy(() => import('./screens/queue/queue.tsx'));
const Compare = lazy(() => import('./screens/compare/compare.tsx'));
const Datasets = lazy(() => import('./screens/datasets/datasets.tsx'));
const Dataset = lazy(() => import('./screens/dataset/dataset.tsx'));
const Run = lazy(() => import('./screens/run/run.tsx'));
const Playground = lazy(() => import('./screens/playground/playground.tsx'));
const NewChoice = lazy(() => import('./screens/new/choice.tsx'));
const NewRun = lazy(() => import('./screens/new/new-run.tsx'));
const NewSweep = lazy(() => import('./screens/new/sweep/new-sweep.tsx'));
const Models = lazy(() => import('./screens/models/models.tsx'));
const Sweeps = lazy(() => import('./screens/sweeps/sweeps.tsx'));
const Sweep = lazy(() => import('./screens/sweep/sweep.tsx'));
const Keys = lazy(() => import('./screens/keys/keys.tsx'));
const Storage = lazy(() => import('./screens/storage/storage.tsx'));
const Settings = lazy(() => import('./screens/settings/settings.tsx'));

/** Which screen an address shows. The service answers each with the page: src/api/page/routes.ts has their first parts. */
const SCREENS: { path: string; show: (id: number) => ReactNode }[] = [
  { path: '/', show: () => <Overview /> },
  { path: '/runs', show: () => <Runs /> },
  { path: '/queue', show: () => <Queue /> },
  { path: '/compare', show: () => <Compare /> },
  { path: '/datasets', show: () => <Datasets /> },
  { path: '/datasets/:id', show: (id) => <Dataset id={id} /> },
  { path: '/jobs/:id', show: (id) => <Run kind="job" id={id} /> },
  { path: '/projects/:id', show: (id) => <Run kind="project" id={id} /> },
  { path: '/jobs/:id/try', show: (id) => <Playground kind="job" id={id} /> },
  { path: '/projects/:id/try', show: (id) => <Playground kind="project" id={id} /> },
  { path: '/new', show: () => <NewChoice /> },
  { path: '/new/job', show: () => <NewRun kind="job" /> },
  { path: '/new/project', show: () => <NewRun kind="project" /> },
  { path: '/new/sweep', show: () => <NewSweep /> },
  { path: '/models', show: () => <Models /> },
  { path: '/sweeps', show: () => <Sweeps /> },
  { path: '/sweeps/:id', show: (id) => <Sweep id={id} /> },
  { path: '/keys', show: () => <Keys /> },
  { path: '/storage', show: () => <Storage /> },
  { path: '/settings', show: () => <Settings /> },
];

export function Screens() {
  const [address] = useLocation();
  return (
    // Another address is another screen: nothing of the one before is left in it.
    <BrokenScreen key={address}>
      <Suspense fallback={<Loading />}>
        <Switch>
          {SCREENS.map(({ path, show }) => (
            <Route key={path} path={path}>
              {(params: { id?: string }) => show(Number(params.id))}
            </Route>
          ))}
          <Route>
            <Title order={1}>There is nothing at this address</Title>
            <Text>
              It may have been deleted. <Link href="/">Go to the overview</Link>
            </Text>
          </Route>
        </Switch>
      </Suspense>
    </BrokenScreen>
  );
}
