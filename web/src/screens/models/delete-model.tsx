import { Button, Group, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useLocation } from 'wouter';
import { baseModelQuery, baseModelsQuery } from '../../api/base-models.ts';
import { deleteModel } from '../../api/model-downloads.ts';
import { Dialog } from '../../parts/dialog.tsx';
import { Problem } from '../../parts/problem.tsx';
import { UserText } from '../../parts/user-text.tsx';

/** Removes a model from the cache, once somebody has said so twice. */
export function DeleteModel({ name }: { name: string }) {
  const [isAsked, asked] = useDisclosure(false);
  const queries = useQueryClient();
  const [, go] = useLocation();
  const { mutate, error, isPending } = useMutation({
    mutationFn: () => deleteModel(name),
    onSuccess: () => {
      go('/models');
      // The model alone is not asked for again: it is gone.
      queries.removeQueries({ queryKey: baseModelQuery(name).queryKey });
      return queries.invalidateQueries({ queryKey: baseModelsQuery.queryKey });
    },
  });
  return (
    <>
      <Button variant="default" onClick={asked.open}>
        Delete
      </Button>
      <Dialog isOpen={isAsked} onClose={asked.close} title="Delete this model">
        <Stack>
          <Text component="div">
            All revisions of <UserText inline>{name}</UserText> are removed from the model cache of this machine. What
            was trained from it stays.
          </Text>
          <Problem error={error} />
          <Group justify="end">
            <Button variant="default" onClick={asked.close}>
              Leave it as it is
            </Button>
            <Button color="red" loading={isPending} onClick={() => mutate()}>
              Delete
            </Button>
          </Group>
        </Stack>
      </Dialog>
    </>
  );
}
