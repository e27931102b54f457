import { Button, Stack, Text } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { newKey } from '../../api/idempotency.ts';
import { startProject } from '../../api/new-runs.ts';
import { changeQueue } from '../../api/queue.ts';
import { runsKey } from '../../api/runs.ts';
import type { Project } from '../../api/types.ts';
import { Allowed } from '../../parts/allowed.tsx';
import { FetchFirst } from '../../parts/base-models/fetch-first.tsx';
import { Problem } from '../../parts/problem.tsx';
import { Conditions } from '../../parts/queue/conditions.tsx';
import { WhenItBegins } from '../../parts/queue/when-it-begins.tsx';

/** Starts a project that has no run yet. */
export function Start({ project }: { project: Project }) {
  const { id, base_model, priority } = project;
  // One for as long as it is shown: a second click starts nothing more.
  const [key] = useState(newKey);
  const [download, setDownload] = useState(false);
  const queries = useQueryClient();
  const { mutate, error, isPending } = useMutation({
    mutationFn: () => startProject(id, `${key}-${download}`, { download }),
    onSuccess: () => queries.invalidateQueries({ queryKey: runsKey }),
  });
  return (
    <Stack gap="sm">
      <Text>It has not been started. Once it is, it is trained in its turn, from step 0.</Text>
      <Stack gap={4} component="section" aria-label="When it begins">
        <Text size="sm">
          It is started with {priority} priority
          <Conditions of={project} />.
        </Text>
        <Allowed needs="trainer" silently>
          <WhenItBegins
            name={`project ${id}`}
            now={project}
            change={(change) => changeQueue({ kind: 'project', id }, change)}
          >
            It holds for its first run.
          </WhenItBegins>
        </Allowed>
      </Stack>
      <Allowed needs="trainer">
        <FetchFirst model={base_model} checked={download} onChange={setDownload} />
        <Button w="fit-content" loading={isPending} onClick={() => mutate()}>
          Start
        </Button>
      </Allowed>
      <Problem error={error} title="It was not started" />
    </Stack>
  );
}
