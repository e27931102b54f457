import { Anchor, Group, SegmentedControl, Stack, Text, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { ApiRefusal } from '../../api/client.ts';
import { type LogTask, logQuery, runFile } from '../../api/runs.ts';
import type { RunOwner } from '../../api/types.ts';
import { Problem } from '../../parts/problem.tsx';
import { shown } from '../../parts/user-text.tsx';

const TAIL = 1_000;
const EVERY_MS = 2_000;
const NEAR_END_PX = 40;

/** The last lines of what a run's trainer says. It follows the end only while one looks at the end. */
export function Log({ owner, run, isOpen }: { owner: RunOwner; run: number; isOpen: boolean }) {
  const [task, setTask] = useState<LogTask>('train');
  const [search, setSearch] = useState('');
  const { data, error } = useQuery({ ...logQuery(owner, run, task, TAIL), refetchInterval: isOpen ? EVERY_MS : false });
  const box = useRef<HTMLPreElement>(null);
  const isAtEnd = useRef(true);
  const lines = (data ?? '').split('\n').filter((line) => line.toLowerCase().includes(search.toLowerCase()));
  // biome-ignore lint/correctness/useExhaustiveDependencies: new lines move the end
  useEffect(() => {
    if (box.current && isAtEnd.current) box.current.scrollTop = box.current.scrollHeight;
  }, [data]);
  return (
    <Stack>
      <Group align="end">
        <SegmentedControl
          aria-label="Which log"
          value={task}
          onChange={(value) => setTask(value as LogTask)}
          data={[
            { value: 'train', label: 'Training' },
            { value: 'validate', label: 'Validation' },
          ]}
        />
        <TextInput
          label="Search in these lines"
          type="search"
          value={search}
          onChange={(event) => setSearch(event.currentTarget.value)}
        />
        <Anchor
          href={`${runFile(owner, run, 'logs')}&task=${task}&tail=100000`}
          download={`${owner.kind}-${owner.id}-run-${run}-${task}.log`}
        >
          Download
        </Anchor>
      </Group>
      {error instanceof ApiRefusal && error.status === 404 ? (
        <Text>{error.message}</Text>
      ) : (
        <Problem error={error} title="The log cannot be read" />
      )}
      {data !== undefined && (
        <pre
          className="log"
          ref={box}
          role="log"
          aria-live="off"
          aria-label="The last lines of the trainer"
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard (WCAG 2.1.1)
          tabIndex={0}
          onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
            isAtEnd.current = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
          }}
        >
          {shown(lines.join('\n'))}
        </pre>
      )}
    </Stack>
  );
}
