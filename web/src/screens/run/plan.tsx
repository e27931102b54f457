import { Alert, List, Stack, Table, Text } from '@mantine/core';
import type { MixturePlan } from '../../api/types.ts';
import { about, count, percent } from '../../parts/numbers.ts';
import { Scrolled } from '../../parts/scrolled.tsx';

/** What a run is trained on: which rows each dataset gives, and what is in the way. */
export function Plan({ plan }: { plan: MixturePlan | null }) {
  if (plan === null) return <Text>The data has not been prepared yet.</Text>;
  const { train_rows, held_out_rows, steps, tokens, warnings } = plan;
  return (
    <Stack>
      <Text>
        {count(train_rows)} rows to train on, {count(held_out_rows)} held out, {count(steps.total)} steps (
        {count(steps.per_epoch)} for each epoch)
        {tokens === null ? '.' : `, ${about(tokens.per_epoch)} tokens for each epoch.`}
      </Text>
      {tokens !== null &&
        tokens.truncated_rows + tokens.dropped_rows + tokens.skipped_rows + tokens.refused_rows > 0 && (
          <Text>
            Of them {count(tokens.truncated_rows)} are cut off at {count(tokens.max_length)} tokens,{' '}
            {count(tokens.dropped_rows)} are left out for their length, {count(tokens.skipped_rows)} have no answer
            within it, and {count(tokens.refused_rows)} do not fit the chat template.
          </Text>
        )}
      {warnings.length > 0 && (
        <Alert color="yellow" title="Worth knowing">
          <List size="sm">
            {warnings.map((warning) => (
              <List.Item key={warning}>{warning}</List.Item>
            ))}
          </List>
        </Alert>
      )}
      <Scrolled label="Mixture">
        <Table miw={620}>
          <Table.Thead>
            <Table.Tr>
              {[
                'Trait',
                'Dataset',
                'Share asked',
                'Rows there',
                'Rows asked',
                'Rows taken',
                'Times',
                'Share in fact',
                'Held out',
              ].map((head) => (
                <Table.Th key={head} scope="col">
                  {head}
                </Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {plan.traits.flatMap((trait) =>
              trait.datasets.map((share) => (
                <Table.Tr key={`${trait.trait_type} ${share.dataset_id}`}>
                  <Table.Th scope="row">{trait.trait_type}</Table.Th>
                  <Table.Td>
                    {share.dataset_id}
                    {share.dataset_id === trait.limiting_dataset_id && ' (has too few rows)'}
                  </Table.Td>
                  <Table.Td>{percent(share.percentage)}</Table.Td>
                  <Table.Td>{count(share.rows)}</Table.Td>
                  <Table.Td>{count(share.requested)}</Table.Td>
                  <Table.Td>{count(share.allocated)}</Table.Td>
                  <Table.Td>{count(share.repeats)}</Table.Td>
                  <Table.Td>{percent(share.effective_percentage)}</Table.Td>
                  <Table.Td>{count(share.held_out)}</Table.Td>
                </Table.Tr>
              )),
            )}
          </Table.Tbody>
        </Table>
      </Scrolled>
    </Stack>
  );
}
