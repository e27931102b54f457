import { Alert, Button, Group, List, Stack, Table, Text, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { runsKey } from '../../api/runs.ts';
import { changeLatest, type Version, versionsQuery } from '../../api/versions.ts';
import { Allowed } from '../../parts/allowed.tsx';
import { DataTable } from '../../parts/data-table.tsx';
import { Dialog } from '../../parts/dialog.tsx';
import { Problem } from '../../parts/problem.tsx';
import { Tag } from '../../parts/tag.tsx';
import { UserText } from '../../parts/user-text.tsx';
import { When } from '../../parts/when.tsx';

const COLORS: Record<Version['status'], string> = {
  passed: 'teal',
  failed: 'red',
  candidate: 'yellow',
  promoted: 'blue',
};

/** What somebody is about to make the latest; `version` null: the one before. */
interface Asked {
  version: number | null;
}

/** Which model a project stands for, what the gate said of each, and the ways to overrule it. */
export function Versions({ id }: { id: number }) {
  const { data, error } = useQuery(versionsQuery(id));
  const [asked, setAsked] = useState<Asked | null>(null);
  if (!data) return <Problem error={error} title="The versions cannot be read" />;
  if (data.items.length === 0) return <Text>There is no version yet: no run has completed.</Text>;
  const latest = data.items.find(({ is_latest }) => is_latest);
  return (
    <Stack>
      <Group>
        <Text>
          {data.latest === null
            ? 'No version is served: none has passed the gate.'
            : `Version ${data.latest} is the latest: it is served, downloaded and linked.`}
        </Text>
        {latest !== undefined && (
          <Allowed needs="trainer" silently>
            <Button size="compact-sm" variant="default" onClick={() => setAsked({ version: null })}>
              Roll back
            </Button>
          </Allowed>
        )}
      </Group>
      <DataTable label="Versions, newest first" heads={['Version', 'Status', 'Trained', 'Gate', 'Change']}>
        {data.items.map((version) => (
          <Row key={version.version} version={version} onPromote={() => setAsked({ version: version.version })} />
        ))}
      </DataTable>
      <Ask key={JSON.stringify(asked)} id={id} asked={asked} onClose={() => setAsked(null)} />
    </Stack>
  );
}

function Row({ version, onPromote }: { version: Version; onPromote: () => void }) {
  const { gate, promotions, status, is_latest, is_candidate } = version;
  const [last] = promotions;
  return (
    <Table.Tr>
      <Table.Th scope="row">
        {version.version}
        {is_latest && ' latest'}
        {is_candidate && ' candidate'}
      </Table.Th>
      <Table.Td>
        <Tag color={COLORS[status]}>{status}</Tag>
        {last !== undefined && last.reason !== null && <UserText>{last.reason}</UserText>}
      </Table.Td>
      <Table.Td>{version.completed_at !== null && <When at={version.completed_at} />}</Table.Td>
      <Table.Td>{gate === null ? 'None' : <Found gate={gate} />}</Table.Td>
      <Table.Td>
        {!is_latest && (
          <Allowed needs="trainer" silently>
            <Button
              size="compact-sm"
              variant="default"
              aria-label={`Promote version ${version.version}`}
              onClick={onPromote}
            >
              Promote
            </Button>
          </Allowed>
        )}
      </Table.Td>
    </Table.Tr>
  );
}

/** Of a run whose gate keeps it from being served: why. Nothing of any other. */
export function NotPromoted({ id, run }: { id: number; run: number }) {
  const { data } = useQuery(versionsQuery(id));
  const version = data?.items.find((each) => each.version === run);
  if (!version?.gate || version.gate.verdict === 'passed' || version.is_latest) return null;
  return (
    <Alert color="yellow" title="Not promoted">
      <UserText>{version.gate.summary}</UserText>
    </Alert>
  );
}

/** Each condition, and the rows that decided it. */
function Found({ gate }: { gate: NonNullable<Version['gate']> }) {
  return (
    <List size="sm">
      {gate.conditions.map((condition) => (
        <List.Item key={condition.summary}>
          <UserText>{condition.summary}</UserText>
          <List size="sm">
            {condition.traits.flatMap(({ trait, decided_by }) =>
              decided_by.map(({ id, said }) => (
                <List.Item key={`${trait} ${id}`}>
                  <UserText>{`${trait}: ${said}`}</UserText>
                </List.Item>
              )),
            )}
          </List>
        </List.Item>
      ))}
    </List>
  );
}

function Ask({ id, asked, onClose }: { id: number; asked: Asked | null; onClose: () => void }) {
  const [reason, setReason] = useState('');
  const queries = useQueryClient();
  const { mutate, error, isPending } = useMutation({
    mutationFn: ({ version }: Asked) => changeLatest(id, version, reason),
    onSuccess: onClose,
    onSettled: () => queries.invalidateQueries({ queryKey: runsKey }),
  });
  const title = asked?.version ? `Promote version ${asked.version}` : 'Roll back';
  return (
    <Dialog isOpen={asked !== null} onClose={onClose} title={asked === null ? '' : title}>
      {asked !== null && (
        <>
          <Text>
            {asked.version === null
              ? 'The version that was the latest before is served again, from now on.'
              : 'It is served from now on, whatever its gate said.'}
          </Text>
          <TextInput
            label="Reason"
            description="For whoever reads the history"
            required
            maxLength={2000}
            value={reason}
            onChange={(event) => setReason(event.currentTarget.value)}
          />
          <Problem error={error} />
          <Group justify="end">
            <Button variant="default" onClick={onClose}>
              Leave it as it is
            </Button>
            <Button loading={isPending} disabled={reason.trim() === ''} onClick={() => mutate(asked)}>
              {title}
            </Button>
          </Group>
        </>
      )}
    </Dialog>
  );
}
