import { Stack, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { modelCardQuery } from '../../../api/outputs.ts';
import type { RunOwner } from '../../../api/types.ts';
import { PlainMarkdown } from '../../../parts/markdown/plain-markdown.tsx';
import { Problem } from '../../../parts/problem.tsx';

/** What lies beside the model for whoever gets it: what it is, what it was made from, how it is used. */
export function ModelCard({ owner, run }: { owner: RunOwner; run: number }) {
  const { data, error } = useQuery(modelCardQuery(owner, run));
  return (
    <Stack component="section" aria-labelledby="report-card" gap="sm">
      <Title order={2} size="h4" id="report-card">
        Model card
      </Title>
      <Problem error={error} title="The model card cannot be read" />
      {data !== undefined && (
        <div className="report-card">
          <PlainMarkdown label="Model card" order={3}>
            {data}
          </PlainMarkdown>
        </div>
      )}
    </Stack>
  );
}
