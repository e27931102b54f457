import { Anchor } from '@mantine/core';
import { Link } from 'wouter';
import { UserText } from '../../parts/user-text.tsx';

/** A name with that of a run in it, such as `checkpoints of job-1-run-2`, which leads to the run. */
export function OfRun({ name, tab = null }: { name: string; tab?: string | null }) {
  const [, before = '', kind, id, run, after = ''] = /^(.*?)\b(job|project)-(\d+)-run-(\d+)\b(.*)$/s.exec(name) ?? [];
  if (kind === undefined) return <UserText inline>{name}</UserText>;
  return (
    <>
      {before}
      <Anchor component={Link} href={`/${kind}s/${id}?run=${run}${tab === null ? '' : `&tab=${tab}`}`} inherit>
        {kind}-{id}-run-{run}
      </Anchor>
      {after}
    </>
  );
}
