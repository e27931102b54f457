import { Card, Stack, Title } from '@mantine/core';
import type { ReactNode } from 'react';
import { type Message, MessageView } from '../../../parts/conversation/message.tsx';

/** What was asked, as a conversation, and below it what was answered. */
export function QuestionCard({
  title,
  asked,
  children,
}: {
  title: string;
  /** The conversation up to the answer, or a question that is all of it. */
  asked: Message[] | string;
  children: ReactNode;
}) {
  const messages: Message[] = typeof asked === 'string' ? [{ role: 'user', content: asked }] : asked;
  return (
    <Card withBorder component="article" aria-label={title} p="sm">
      <Stack gap="xs">
        <Title order={3} size="h6" dir="auto">
          {title}
        </Title>
        {messages.map((message, place) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a message is known by its place alone
          <MessageView key={place} message={message} />
        ))}
        {children}
      </Stack>
    </Card>
  );
}
