import { Anchor, List, Text } from '@mantine/core';
import { Link } from 'wouter';
import type { Project, Run } from '../../api/types.ts';
import { count, percent } from '../../parts/numbers.ts';
import { addressOf } from '../../parts/runs/owners.ts';
import { isOpen, StatusBadge } from '../../parts/runs/status.tsx';

interface PartsProps {
  project: Project;
  runs: Run[];
  /** The one that is shown; null: the project has not been started. */
  run: Run | null;
}

/** What a run's spec says of the parts of its project. */
interface SpecOfPart {
  follows?: number;
  followed_by?: { training_type: string };
}

const specOf = (run: Run): SpecOfPart => run.spec;

/** Both parts of a project that has a second one, and how far each is; nothing of any other. */
export function Parts({ project, runs, run }: PartsProps) {
  const follows = run && specOf(run).follows;
  const first = follows ? (runs.find(({ number }) => number === follows) ?? null) : run;
  const type = first ? specOf(first).followed_by?.training_type : project.followed_by?.training_type;
  if (type === undefined) return null;
  // Retried, it is a later run that follows the same one: they are newest first.
  const second = runs.find((each) => first !== null && specOf(each).follows === first.number) ?? null;
  return (
    <List type="ordered" aria-label="The parts of the project">
      <List.Item>
        {project.training_type}
        <HowFar project={project} run={first} none="not started" />
      </List.Item>
      <List.Item>
        {type}, from what comes of it
        <HowFar project={project} run={second} none={whyNone(first)} />
      </List.Item>
    </List>
  );
}

function whyNone(first: Run | null): string {
  if (first?.status === 'failed') return 'does not begin, because the first part failed';
  if (first?.status === 'cancelled') return 'does not begin, because the first part was cancelled';
  return 'begins as soon as the first part has completed';
}

/** The latest run of a project is read with it, more often than the list of its runs. */
function HowFar({ project, run, none }: { project: Project; run: Run | null; none: string }) {
  if (run === null) return <Text span>: {none}</Text>;
  const isLatest = run.number === project.run_number;
  const { status, pause_reason, progress, current_step, total_steps } = isLatest ? project : run;
  return (
    <>
      {': '}
      <Anchor component={Link} href={addressOf({ kind: 'project', id: project.id }, isLatest ? undefined : run.number)}>
        run {run.number}
      </Anchor>{' '}
      <StatusBadge status={status} paused={pause_reason !== null} />
      {isOpen(status) && total_steps !== null && (
        <Text span>
          {' '}
          {percent(progress)}, step {count(current_step)} of {count(total_steps)}
        </Text>
      )}
    </>
  );
}
