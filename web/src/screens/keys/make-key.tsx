import { Button, Group, NativeSelect, Stack, Text, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { keysKey, makeKey, type NewApiKey } from '../../api/keys.ts';
import { type Role, sessionKey, signIn } from '../../api/session.ts';
import { Dialog } from '../../parts/dialog.tsx';
import { Problem } from '../../parts/problem.tsx';
import { ToCopy } from '../../parts/to-copy.tsx';

const DAY_MS = 86_400_000;
const LIVES = [
  { value: '', label: 'Never' },
  { value: '30', label: 'In 30 days' },
  { value: '90', label: 'In 90 days' },
  { value: '365', label: 'In a year' },
];

/** Makes a key, and shows it once. */
export function MakeKey() {
  const [name, setName] = useState('');
  const [role, setRole] = useState<Role>('trainer');
  const [days, setDays] = useState('90');
  const [made, setMade] = useState<NewApiKey | null>(null);
  const queries = useQueryClient();
  const { mutate, error, isPending } = useMutation({
    mutationFn: async () => {
      const expires_at = days === '' ? null : new Date(Date.now() + Number(days) * DAY_MS).toISOString();
      const key = await makeKey({ name: name.trim(), role, expires_at });
      // The first key closes the service to whoever has none: without this, to this very browser.
      if (key.notice !== null) await signIn(key.key);
      return key;
    },
    onSuccess: (key) => {
      setMade(key);
      setName('');
    },
  });
  const send = (event: FormEvent) => {
    event.preventDefault();
    mutate();
  };
  const close = () => {
    setMade(null);
    void queries.invalidateQueries({ queryKey: sessionKey });
    void queries.invalidateQueries({ queryKey: keysKey });
  };
  return (
    <form onSubmit={send} aria-label="Make a key">
      <Group align="end" gap="sm" mb="md">
        <TextInput
          label="Name of a new key"
          placeholder="Whose it is, or of what"
          required
          dir="auto"
          miw={220}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <NativeSelect
          label="Role"
          data={['viewer', 'trainer', 'admin']}
          value={role}
          onChange={({ currentTarget: { value } }) => setRole(value as Role)}
        />
        <NativeSelect
          label="It expires"
          data={LIVES}
          value={days}
          onChange={({ currentTarget: { value } }) => setDays(value)}
        />
        <Button type="submit" loading={isPending}>
          Make the key
        </Button>
      </Group>
      <Problem error={error} title="No key was made" />
      <Dialog isOpen={made !== null} onClose={close} title={`The key “${made?.name ?? ''}”`} size="lg">
        {made !== null && (
          <Stack>
            <Text>Copy it now: it is shown this once, and the service does not keep it.</Text>
            <ToCopy text={made.key} label="The key" />
            {made.notice !== null && <Text>{made.notice} This browser is signed in with it.</Text>}
            <Group justify="end">
              <Button onClick={close}>I have it</Button>
            </Group>
          </Stack>
        )}
      </Dialog>
    </form>
  );
}
