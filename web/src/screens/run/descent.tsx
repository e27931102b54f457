import { Anchor, Text } from '@mantine/core';
import { Fragment } from 'react';
import { Link } from 'wouter';
import type { Run } from '../../api/types.ts';
import { addressOf } from '../../parts/runs/owners.ts';
import { UserText } from '../../parts/user-text.tsx';

/** What a run began from, and which runs began from it. */
export function Descent({ run: { starts_from: start, started_from_it: children } }: { run: Run }) {
  if (start === null && children.length === 0) return null;
  return (
    <Text component="div" size="sm">
      {start && (
        <span title={`sha256 ${start.sha256}`}>
          Began from{' '}
          {start.run ? <Relation run={start.run}>{start.name}</Relation> : <UserText inline>{start.name}</UserText>}.{' '}
        </span>
      )}
      {children.length > 0 && (
        <span>
          {'Began from it: '}
          {children.map((child, index) => (
            <Fragment key={addressOfRun(child)}>
              {index > 0 && ', '}
              <Relation run={child}>{nameOf(child)}</Relation>
            </Fragment>
          ))}
          .
        </span>
      )}
    </Text>
  );
}

type RelatedRun = Run['started_from_it'][number];

function Relation({ run, children }: { run: RelatedRun; children: string }) {
  return (
    <Anchor component={Link} href={addressOfRun(run)}>
      {children}
    </Anchor>
  );
}

function ownerOf({ job_id, project_id }: RelatedRun) {
  return job_id === null ? ({ kind: 'project', id: project_id ?? 0 } as const) : ({ kind: 'job', id: job_id } as const);
}

function addressOfRun(run: RelatedRun): string {
  return addressOf(ownerOf(run), run.number);
}

function nameOf(run: RelatedRun): string {
  const { kind, id } = ownerOf(run);
  return `run ${run.number} of ${kind} ${id}`;
}
