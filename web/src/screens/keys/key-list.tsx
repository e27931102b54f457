import { Anchor, Button, Checkbox, Group, Stack, Table, Text } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'wouter';
import { type ApiKey, keysKey, keysQuery, revokeKey } from '../../api/keys.ts';
import { sessionKey } from '../../api/session.ts';
import { useChangeAddress, useParam } from '../../parts/address.ts';
import { DataTable } from '../../parts/data-table.tsx';
import { Dialog } from '../../parts/dialog.tsx';
import { Pages, usePage } from '../../parts/pages.tsx';
import { Problem } from '../../parts/problem.tsx';
import { UserText } from '../../parts/user-text.tsx';
import { When } from '../../parts/when.tsx';

/** The keys of the database, newest first. */
export function KeyList() {
  const withRevoked = useParam('revoked') === 'true';
  const change = useChangeAddress();
  const { data, error } = useQuery(keysQuery(usePage(), withRevoked));
  const [asked, setAsked] = useState<ApiKey | null>(null);
  return (
    <Stack>
      <Checkbox
        label="With those that were revoked"
        checked={withRevoked}
        onChange={({ currentTarget: { checked } }) => change({ revoked: checked ? 'true' : null, page: null })}
      />
      <Problem error={error} title="The keys cannot be read" />
      {data?.items.length === 0 && <Text>There is no key in the database.</Text>}
      {data && data.items.length > 0 && (
        <DataTable
          label="Keys, newest first"
          heads={['Name', 'Role', 'Begins with', 'State', 'Last used', 'Made', 'Actions']}
          verticalSpacing="xs"
          miw={800}
        >
          {data.items.map((key) => (
            <Row key={key.id} row={key} onRevoke={() => setAsked(key)} />
          ))}
        </DataTable>
      )}
      <Pages total={data?.pages ?? 1} />
      <Revocation row={asked} onClose={() => setAsked(null)} />
    </Stack>
  );
}

function Row({ row, onRevoke }: { row: ApiKey; onRevoke: () => void }) {
  const { name, role, public_part, status, expires_at, revoked_at, last_used_at, created_at, created_by } = row;
  return (
    <Table.Tr>
      <Table.Th scope="row" maw={240}>
        <Anchor component={Link} href={`/keys?tab=Audit&who=${encodeURIComponent(name)}`}>
          <UserText inline>{name}</UserText>
        </Anchor>
      </Table.Th>
      <Table.Td>{role}</Table.Td>
      <Table.Td className="no-wrap">{public_part}</Table.Td>
      <Table.Td>
        {status === 'revoked' ? (
          <>
            revoked <When at={revoked_at} />
          </>
        ) : (
          <>
            {status}
            {expires_at !== null && (
              <Text size="xs" c="dimmed">
                {status === 'expired' ? 'since' : 'until'} {new Date(expires_at).toLocaleDateString()}
              </Text>
            )}
          </>
        )}
      </Table.Td>
      <Table.Td className="no-wrap">{last_used_at === null ? 'never' : <When at={last_used_at} />}</Table.Td>
      <Table.Td>
        <When at={created_at} />
        <Text size="xs" c="dimmed" component="div">
          by <UserText inline>{created_by}</UserText>
        </Text>
      </Table.Td>
      <Table.Td>
        {status !== 'revoked' && (
          <Button size="xs" variant="default" aria-label={`Revoke the key ${name}`} onClick={onRevoke}>
            Revoke
          </Button>
        )}
      </Table.Td>
    </Table.Tr>
  );
}

/** Once somebody has said so twice: nobody can take it back. */
function Revocation({ row, onClose }: { row: ApiKey | null; onClose: () => void }) {
  const queries = useQueryClient();
  const { mutate, error, isPending, reset } = useMutation({
    mutationFn: revokeKey,
    onSuccess: async () => {
      onClose();
      await queries.invalidateQueries({ queryKey: keysKey });
      await queries.invalidateQueries({ queryKey: sessionKey });
    },
  });
  const leave = () => {
    reset();
    onClose();
  };
  return (
    <Dialog isOpen={row !== null} onClose={leave} title="Revoke this key">
      {row !== null && (
        <>
          <Text component="div">
            <UserText inline>{row.name}</UserText> opens nothing any more within a second, for good. What it did stays
            in the lists, and its runs go on.
          </Text>
          <Problem error={error} />
          <Group justify="end">
            <Button variant="default" onClick={leave}>
              Leave it as it is
            </Button>
            <Button color="red" loading={isPending} onClick={() => mutate(row.id)}>
              Revoke
            </Button>
          </Group>
        </>
      )}
    </Dialog>
  );
}
