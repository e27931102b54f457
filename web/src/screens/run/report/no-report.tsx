import { Alert, Stack, Text } from '@mantine/core';
import type { Run } from '../../../api/types.ts';
import { whyOf } from '../../../parts/runs/status.tsx';
import { UserText } from '../../../parts/user-text.tsx';

/** Why a run has no report, and what to do. */
export function NoReport({ run }: { run: Run }) {
  const { status } = run;
  const hasEnded = status === 'failed' || status === 'cancelled';
  return (
    <Alert role="note" color="gray" title={hasEnded ? 'There is no report' : 'There is no report yet'}>
      <Stack gap="xs">
        <Text inherit>
          {hasEnded
            ? `The run was ${status === 'failed' ? 'ended by a failure' : 'cancelled'} before its model was validated.`
            : 'It is written when the model is validated, after the training, and appears here by itself.'}
        </Text>
        <UserText>{whyOf(run)}</UserText>
        {hasEnded && <Text inherit>“Start again”, above, goes on from the last checkpoint, where there is one.</Text>}
      </Stack>
    </Alert>
  );
}
