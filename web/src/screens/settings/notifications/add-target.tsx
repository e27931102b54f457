import { Button, Checkbox, Group, NativeSelect, Stack, Text, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import {
  addTarget,
  EVENTS,
  type NewNotificationTarget,
  type NotificationEvent,
  type NotificationTarget,
  notificationsKey,
} from '../../../api/notifications.ts';
import { Dialog } from '../../../parts/dialog.tsx';
import { Problem } from '../../../parts/problem.tsx';
import { ToCopy } from '../../../parts/to-copy.tsx';

const ALL = Object.keys(EVENTS) as NotificationEvent[];

/** Has somebody be told; of a webhook, shows its secret once. */
export function AddTarget() {
  const [kind, setKind] = useState<NotificationTarget['kind']>('webhook');
  const [name, setName] = useState('');
  const [where, setWhere] = useState('');
  const [events, setEvents] = useState(ALL);
  const [made, setMade] = useState<NewNotificationTarget | null>(null);
  const queries = useQueryClient();
  const { mutate, error, isPending } = useMutation({
    mutationFn: () =>
      addTarget({ kind, name: name.trim(), where: where.trim(), events: events.length === ALL.length ? null : events }),
    onSuccess: async (target) => {
      if (target.secret !== null) setMade(target);
      setName('');
      setWhere('');
      await queries.invalidateQueries({ queryKey: notificationsKey });
    },
  });
  const send = (event: FormEvent) => {
    event.preventDefault();
    mutate();
  };
  return (
    <form onSubmit={send} aria-label="Add who is told">
      <Stack gap="sm">
        <Group align="end" gap="sm">
          <NativeSelect
            label="By"
            data={[
              { value: 'webhook', label: 'Webhook' },
              { value: 'email', label: 'E-mail' },
            ]}
            value={kind}
            onChange={({ currentTarget: { value } }) => setKind(value as NotificationTarget['kind'])}
          />
          <TextInput
            label="Name of a new target"
            required
            dir="auto"
            miw={180}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <TextInput
            label={kind === 'webhook' ? 'URL' : 'Address'}
            placeholder={kind === 'webhook' ? 'https://example.com/hooks/training' : 'anna@example.com'}
            required
            flex={1}
            miw={240}
            value={where}
            onChange={(event) => setWhere(event.currentTarget.value)}
          />
          <Button type="submit" loading={isPending} disabled={events.length === 0}>
            Add
          </Button>
        </Group>
        <Checkbox.Group label="It is told when" value={events} onChange={(value) => setEvents(value as typeof ALL)}>
          <Group gap="md" mt={4}>
            {ALL.map((event) => (
              <Checkbox key={event} value={event} label={EVENTS[event]} />
            ))}
          </Group>
        </Checkbox.Group>
        <Problem error={error} title="Nobody was added" />
      </Stack>
      <Dialog
        isOpen={made !== null}
        onClose={() => setMade(null)}
        title={`The secret of “${made?.name ?? ''}”`}
        size="lg"
      >
        {made?.secret && (
          <Stack>
            <Text>Copy it now: it is shown this once. The receiver checks signatures with it (Standard Webhooks).</Text>
            <ToCopy text={made.secret} label="The secret" />
            <Group justify="end">
              <Button onClick={() => setMade(null)}>I have it</Button>
            </Group>
          </Stack>
        )}
      </Dialog>
    </form>
  );
}
