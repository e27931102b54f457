import { SegmentedControl, Stack } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { NewRun } from '../../api/new-runs.ts';
import { sessionQuery } from '../../api/session.ts';
import { ToCopy } from '../../parts/to-copy.tsx';

const FORMS = ['curl', 'JSON'];

/** The request that is sent, for those who write scripts. */
export function RequestShown({ request, starts }: { request: NewRun; starts: boolean }) {
  const [form, setForm] = useState('curl');
  const { data: session } = useQuery(sessionQuery);
  const json = JSON.stringify(request.body, null, 2);
  const key = session?.needs_key === true ? ' -H "Authorization: Bearer $MTM_API_KEY"' : '';
  const post = (path: string, body: string) =>
    `curl -X POST ${window.location.origin}/api/v1/${request.kind}s/${path}${key} -H 'Content-Type: application/json' -d ${quoted(body)}`;
  const curl = post('', json);
  const all =
    request.kind === 'project' && starts ? `${curl}\n${post('ID/start', JSON.stringify(request.start))}` : curl;
  return (
    <Stack gap="xs">
      <SegmentedControl aria-label="Form of the request" w="fit-content" value={form} onChange={setForm} data={FORMS} />
      <ToCopy text={form === 'JSON' ? json : all} label={`The request as ${form}`} />
    </Stack>
  );
}

/** For a shell, which ends a quoted text at the first apostrophe. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
