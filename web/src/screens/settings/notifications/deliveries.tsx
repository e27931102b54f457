import { Button, Table, Text } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { deliveriesQuery, type NotificationDelivery, notificationsKey, redeliver } from '../../../api/notifications.ts';
import { DataTable } from '../../../parts/data-table.tsx';
import { Problem } from '../../../parts/problem.tsx';
import { UserText } from '../../../parts/user-text.tsx';
import { When } from '../../../parts/when.tsx';

const STATES: Record<NotificationDelivery['status'], string> = {
  pending: 'is to be sent',
  delivered: 'delivered',
  given_up: 'given up',
};

/** The last things that were told, or are to be. */
export function Deliveries({ names }: { names: Map<number, string> }) {
  const { data, error } = useQuery(deliveriesQuery);
  const queries = useQueryClient();
  const again = useMutation({
    mutationFn: redeliver,
    onSettled: () => queries.invalidateQueries({ queryKey: notificationsKey }),
  });
  return (
    <>
      <Problem error={error ?? again.error} title="What was told cannot be read, or not sent again" />
      {data && data.items.length > 0 && (
        <DataTable
          label="The last that was told"
          heads={['When', 'To', 'What', 'State', 'Tried', 'Actions']}
          verticalSpacing="xs"
          miw={800}
        >
          {data.items.map((delivery) => (
            <Table.Tr key={delivery.id}>
              <Table.Td className="no-wrap">
                <When at={delivery.created_at} />
              </Table.Td>
              <Table.Td>
                <UserText inline>{names.get(delivery.target_id) ?? String(delivery.target_id)}</UserText>
              </Table.Td>
              <Table.Td maw={320}>
                <UserText inline>{delivery.sentence}</UserText>
              </Table.Td>
              <Table.Td maw={240}>
                {STATES[delivery.status]}
                <Text size="xs" c="dimmed" component="div">
                  {delivery.last_answer}
                  {delivery.status === 'pending' && delivery.attempts > 0 && (
                    <>
                      {' '}
                      It is tried again <When at={delivery.next_attempt_at} />.
                    </>
                  )}
                </Text>
              </Table.Td>
              <Table.Td>{delivery.attempts}</Table.Td>
              <Table.Td>
                <Button
                  size="xs"
                  variant="default"
                  aria-label={`Send delivery ${delivery.id} again`}
                  onClick={() => again.mutate(delivery.id)}
                >
                  Send again
                </Button>
              </Table.Td>
            </Table.Tr>
          ))}
        </DataTable>
      )}
    </>
  );
}
