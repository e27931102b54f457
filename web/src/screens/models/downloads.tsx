import { Button, Group, Progress, Stack, Table, Text, Title } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { baseModelsKey } from '../../api/base-models.ts';
import {
  actOnDownload,
  type DownloadAction,
  isOpen,
  type ModelDownload,
  modelDownloadsKey,
  modelDownloadsQuery,
} from '../../api/model-downloads.ts';
import { Allowed } from '../../parts/allowed.tsx';
import { DataTable } from '../../parts/data-table.tsx';
import { bytes } from '../../parts/numbers.ts';
import { Problem } from '../../parts/problem.tsx';
import { UserText } from '../../parts/user-text.tsx';

/** Models on their way, and those that did not come. */
export function Downloads() {
  const { data, error } = useQuery(modelDownloadsQuery);
  const queries = useQueryClient();
  const completed = data?.filter(({ status }) => status === 'completed').length;
  useEffect(() => {
    // Another one is there: the list above has it.
    if (completed !== undefined) void queries.invalidateQueries({ queryKey: baseModelsKey });
  }, [completed, queries]);
  const shown = data?.filter((download) => isOpen(download) || download.status === 'failed') ?? [];
  if (shown.length === 0) return <Problem error={error} title="The downloads cannot be read" />;
  return (
    <Stack component="section" aria-labelledby="downloads" gap="sm">
      <Title order={2} size="h4" id="downloads">
        Downloads
      </Title>
      <DataTable
        label="Downloads, newest first"
        heads={['Model', 'How far', 'State', 'Actions']}
        miw={640}
        verticalSpacing="xs"
      >
        {shown.map((download) => (
          <Row key={download.id} download={download} />
        ))}
      </DataTable>
    </Stack>
  );
}

const LABELS = { pause: 'Pause', resume: 'Resume', cancel: 'Cancel' };

function Row({ download }: { download: ModelDownload }) {
  const { id, name, revision, host, status, bytes_done, bytes_total, waiting_for, error_message } = download;
  const queries = useQueryClient();
  const { mutate, error, isPending } = useMutation({
    mutationFn: (action: DownloadAction) => actOnDownload(id, action),
    onSettled: () => queries.invalidateQueries({ queryKey: modelDownloadsKey }),
  });
  const actions: DownloadAction[] = [status === 'paused' || status === 'failed' ? 'resume' : 'pause', 'cancel'];
  const percent = bytes_total ? (100 * bytes_done) / bytes_total : 0;
  const why = error_message ?? waiting_for;
  return (
    <Table.Tr>
      <Table.Th scope="row" maw={280}>
        <UserText inline>{revision === 'main' ? name : `${name}@${revision}`}</UserText>
        <Text size="sm">to {host}</Text>
      </Table.Th>
      <Table.Td miw={160}>
        <Progress value={percent} aria-label={`How much of ${name} is there`} />
        <Text size="sm">
          {bytes(bytes_done)} of {bytes(bytes_total)}
        </Text>
      </Table.Td>
      <Table.Td maw={320}>
        {status}
        {why !== null && (
          <Text size="sm" component="div">
            <UserText>{why}</UserText>
          </Text>
        )}
      </Table.Td>
      <Table.Td>
        <Allowed needs="trainer" silently>
          <Group gap="xs">
            {actions.map((action) => (
              <Button
                key={action}
                size="xs"
                variant="default"
                disabled={isPending}
                aria-label={`${LABELS[action]} the download of ${name}`}
                onClick={() => mutate(action)}
              >
                {LABELS[action]}
              </Button>
            ))}
          </Group>
        </Allowed>
        <Problem error={error} />
      </Table.Td>
    </Table.Tr>
  );
}
