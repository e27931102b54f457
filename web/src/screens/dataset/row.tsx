import { Alert, Card, Stack, Text, Title } from '@mantine/core';
import { Fragment } from 'react';
import type { PreviewRow } from '../../api/types.ts';
import { Clipped } from '../../parts/clipped.tsx';
import { MessageView } from '../../parts/conversation/message.tsx';
import { shown, UserText } from '../../parts/user-text.tsx';

/** One row: what it says, or why it says nothing. */
export function Row({ row, view }: { row: PreviewRow; view: 'conversations' | 'stored' }) {
  const { row_number, messages, rejected, tools, unusable, unused } = row;
  const isStored = view === 'stored' || messages === null;
  return (
    <Card withBorder component="article" aria-label={`Row ${row_number}`} p="sm">
      <Stack gap="xs">
        <Title order={2} size="h6">
          Row {row_number}
        </Title>
        {unusable !== null && (
          <Alert color="yellow" variant="light" p="xs" role="note" title="It gives no conversation">
            <UserText>{unusable}</UserText>
          </Alert>
        )}
        {isStored ? (
          <Stored row={row} />
        ) : (
          messages.map((message, place) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a message is known by its place alone
            <MessageView key={place} message={message} />
          ))
        )}
        {!isStored && rejected !== null && (
          <Stack component="section" aria-label="Rejected answer" gap="xs">
            <Text size="sm" fw={600}>
              What was rejected in its place
            </Text>
            {rejected.map((message, place) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: a message is known by its place alone
              <MessageView key={place} message={message} />
            ))}
          </Stack>
        )}
        {!isStored && tools !== null && (
          <details>
            <summary>
              {tools.length} {tools.length === 1 ? 'tool that may be called' : 'tools that may be called'}
            </summary>
            <Clipped>{JSON.stringify(tools, null, 2)}</Clipped>
          </details>
        )}
        {unused.length > 0 && (
          <Text size="sm" component="div">
            Training makes no use of <UserText inline>{unused.join(', ')}</UserText>
          </Text>
        )}
      </Stack>
    </Card>
  );
}

/** Its cells under the names of their columns. */
function Stored({ row: { values } }: { row: PreviewRow }) {
  return (
    <dl className="cells">
      {Object.entries(values).map(([column, value]) => (
        <Fragment key={column}>
          <dt>{shown(column)}</dt>
          <dd>{value === null ? <i>no value</i> : <Clipped>{value}</Clipped>}</dd>
        </Fragment>
      ))}
    </dl>
  );
}
