import { Button, Group, Stack, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { addModel, modelDownloadsKey } from '../../api/model-downloads.ts';
import { Problem } from '../../parts/problem.tsx';

/** Has the service fetch a model by its name. */
export function AddModel() {
  const [name, setName] = useState('');
  const [revision, setRevision] = useState('');
  const [host, setHost] = useState('');
  const queries = useQueryClient();
  const { mutate, error, isPending } = useMutation({
    mutationFn: () =>
      addModel({
        name: name.trim(),
        revision: revision.trim() === '' ? 'main' : revision.trim(),
        ...(host.trim() === '' ? {} : { host: host.trim() }),
      }),
    onSuccess: async () => {
      setName('');
      setRevision('');
      await queries.invalidateQueries({ queryKey: modelDownloadsKey });
    },
  });
  const send = (event: FormEvent) => {
    event.preventDefault();
    mutate();
  };
  // Asked for only where the service says that it has several.
  const asksForHost = host !== '' || error?.message.includes('"host"') === true;
  return (
    <form onSubmit={send} aria-label="Add a model">
      <Stack gap="sm" maw={760}>
        <Group align="end">
          <TextInput
            label="Add a model from Hugging Face"
            placeholder="Qwen/Qwen3-0.6B"
            required
            flex={2}
            miw={200}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <TextInput
            label="Revision"
            placeholder="main"
            flex={1}
            miw={120}
            value={revision}
            onChange={(event) => setRevision(event.currentTarget.value)}
          />
          {asksForHost && (
            <TextInput
              label="Host"
              flex={1}
              miw={120}
              value={host}
              onChange={(event) => setHost(event.currentTarget.value)}
            />
          )}
          <Button type="submit" loading={isPending}>
            Add
          </Button>
        </Group>
        <Problem error={error} title="It cannot be fetched" />
      </Stack>
    </form>
  );
}
