import { Button, Group, Stack, Text, Textarea, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { useLocation } from 'wouter';
import { changeDataset, datasetFile, datasetKey, datasetsKey, deleteDataset, usersQuery } from '../../api/datasets.ts';
import type { Dataset } from '../../api/types.ts';
import { Dialog } from '../../parts/dialog.tsx';
import { Problem } from '../../parts/problem.tsx';
import { UserText } from '../../parts/user-text.tsx';
import { UserList } from './users.tsx';

export function Actions({ dataset }: { dataset: Dataset }) {
  const [isNaming, naming] = useDisclosure(false);
  const [isDeleting, deleting] = useDisclosure(false);
  return (
    <>
      <Button component="a" variant="default" href={datasetFile(dataset.id)}>
        Download
      </Button>
      <Button variant="default" onClick={naming.open}>
        Rename
      </Button>
      <Button variant="default" onClick={deleting.open}>
        Delete
      </Button>
      <Dialog isOpen={isNaming} onClose={naming.close} title="Name and description">
        <NameForm dataset={dataset} onDone={naming.close} />
      </Dialog>
      <Dialog isOpen={isDeleting} onClose={deleting.close} title="Delete this dataset">
        <Deletion dataset={dataset} onLeave={deleting.close} />
      </Dialog>
    </>
  );
}

function NameForm({ dataset, onDone }: { dataset: Dataset; onDone: () => void }) {
  const [name, setName] = useState(dataset.name);
  const [description, setDescription] = useState(dataset.description ?? '');
  const queries = useQueryClient();
  const { mutate, error, isPending } = useMutation({
    mutationFn: () => changeDataset(dataset.id, { name, description: description === '' ? null : description }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: datasetsKey });
      onDone();
    },
  });
  const save = (event: FormEvent) => {
    event.preventDefault();
    mutate();
  };
  return (
    <form onSubmit={save}>
      <Stack>
        <TextInput
          label="Name"
          required
          dir="auto"
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <Textarea
          label="Description"
          autosize
          minRows={3}
          maxRows={12}
          dir="auto"
          value={description}
          onChange={(event) => setDescription(event.currentTarget.value)}
        />
        <Problem error={error} />
        <Group justify="end">
          <Button variant="default" onClick={onDone}>
            Leave it as it is
          </Button>
          <Button type="submit" loading={isPending}>
            Save
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

/** Says what is lost, and who is in the way, before it is done. */
function Deletion({ dataset: { id, filename }, onLeave }: { dataset: Dataset; onLeave: () => void }) {
  const queries = useQueryClient();
  const [, go] = useLocation();
  const users = useQuery(usersQuery(id, 1));
  const { mutate, error, isPending } = useMutation({
    mutationFn: () => deleteDataset(id),
    onSuccess: () => {
      go('/datasets');
      queries.removeQueries({ queryKey: datasetKey(id) });
      return queries.invalidateQueries({ queryKey: datasetsKey });
    },
    onError: () => users.refetch(),
  });
  if (!users.data) return <Problem error={users.error} title="Its users cannot be read" />;
  const isUsed = users.data.total > 0;
  return (
    <Stack>
      {isUsed ? (
        <>
          <Text>It is used, and is kept as long as it is. Delete these first:</Text>
          <UserList users={users.data.items} />
          {users.data.total > users.data.items.length && (
            <Text>And {users.data.total - users.data.items.length} more.</Text>
          )}
        </>
      ) : (
        <Text component="div">
          No job and no project uses it. Its rows and the file <UserText inline>{filename}</UserText> are deleted for
          good.
        </Text>
      )}
      <Problem error={error} />
      <Group justify="end">
        <Button variant="default" onClick={onLeave}>
          Leave it as it is
        </Button>
        {!isUsed && (
          <Button color="red" loading={isPending} onClick={() => mutate()}>
            Delete
          </Button>
        )}
      </Group>
    </Stack>
  );
}
