import { Button, Container, PasswordInput, Stack, Text, Title } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { signIn } from '../../api/session.ts';
import { Banner } from './banner.tsx';

/** Takes a key of the service. What was asked for before stays in the address, and is shown then. */
export function SignIn() {
  const [key, setKey] = useState('');
  const queries = useQueryClient();
  const { mutate, error, isPending } = useMutation({
    mutationFn: signIn,
    onSuccess: () => queries.invalidateQueries(),
  });
  const send = (event: FormEvent) => {
    event.preventDefault();
    mutate(key);
  };
  return (
    <Container size="xs" component="main" pt="xl">
      <Banner />
      <form onSubmit={send}>
        <Stack>
          <Title order={1}>Sign in</Title>
          <Text>
            This service asks for a key: one that an admin made for you, or one of its setting MTM_API_KEYS. It is kept
            until you close the browser or sign out.
          </Text>
          <PasswordInput
            label="API key"
            required
            autoComplete="current-password"
            value={key}
            onChange={(event) => setKey(event.currentTarget.value)}
            error={error?.message}
          />
          <Button type="submit" loading={isPending}>
            Sign in
          </Button>
        </Stack>
      </form>
    </Container>
  );
}
