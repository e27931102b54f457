import { Anchor, Code, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { documentQuery, fieldsOf } from '../../api/request-fields.ts';
import { configQuery } from '../../api/service.ts';
import { sessionQuery } from '../../api/session.ts';
import { Allowed } from '../../parts/allowed.tsx';
import { Problem } from '../../parts/problem.tsx';
import { Screen } from '../../parts/screen.tsx';
import { ConfigForm } from './config-form.tsx';
import { Notifications } from './notifications/notifications.tsx';

/** Defaults and limits of the service, and where its other settings are. */
export default function Settings() {
  const config = useQuery(configQuery);
  const document = useQuery(documentQuery);
  const { data: session } = useQuery(sessionQuery);
  return (
    <Screen title="Settings">
      <Text maw={760}>
        What new jobs and projects are completed with. Those that exist keep what they were created with. Other defaults
        stand beside their fields on{' '}
        <Anchor component={Link} href="/new">
          New training
        </Anchor>
        .
      </Text>
      <Problem error={config.error ?? document.error} title="The settings cannot be read" />
      {config.data && document.data && (
        <Allowed needs="admin">
          <ConfigForm config={config.data} fields={fieldsOf(document.data, 'ConfigPatch')} />
        </Allowed>
      )}
      <Allowed needs="admin" silently>
        <Notifications />
      </Allowed>
      <Stack component="section" aria-label="Settings of the environment" gap="xs" maw={760}>
        <Text>
          {session?.needs_key === true
            ? 'This service asks for API keys. An admin makes and revokes them under '
            : 'This service has no API keys: whoever reaches it may use it. Before you let it listen to others, make the first one under '}
          <Anchor component={Link} href="/keys">
            Keys
          </Anchor>
          .
        </Text>
        <Text>
          Ports, folders, keys, GPUs and time limits are environment variables of the service:{' '}
          <Code>docs/settings.md</Code> has them all, and <Code>npm run doctor</Code> says what is missing.
        </Text>
      </Stack>
    </Screen>
  );
}
