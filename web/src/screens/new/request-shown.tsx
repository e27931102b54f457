import { SegmentedControl, Stack } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { NewRun } from '../../api/new-runs.ts';
import { sessionQuery } from '../../api/session.ts';
import { ToCopy } from '../../parts/to-copy.tsx';

const FORMS = ['curl', 'JSON'];

/** The request that is sent, for those who write scripts. */
export function RequestShown({ request: { kind, body }, starts }: { request: NewRun; starts: boolean }) {
  const [form, setForm] = useState('curl');
  const { data: session } = useQuery(sessionQuery);
  const json = JSON.stringify(body, null, 2);
  const address = `${window.location.origin}/api/v1/${kind}s/`;
  const key = session?.needs_key === true ? ' -H "Authorization: Bearer $MTM_API_KEY"' : '';
  const curl = `curl -X POST ${address}${key} -H 'Content-Type: application/json' -d ${quoted(json)}`;
  const start = `curl -X POST ${address}ID/start${key}`;
  return (
    <Stack gap="xs">
      <SegmentedControl aria-label="Form of the request" w="fit-content" value={form} onChange={setForm} data={FORMS} />
      <ToCopy
        text={form === 'JSON' ? json : kind === 'project' && starts ? `${curl}\n${start}` : curl}
        label={`The request as ${form}`}
      />
    </Stack>
  );
}

/** For a shell, which ends a quoted text at the first apostrophe. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
