import { Stack, Text, Textarea } from '@mantine/core';
import { MessageView } from '../../parts/conversation/message.tsx';
import type { Conversation } from './conversation.ts';

interface ConversationFieldsProps {
  conversation: Conversation;
  onChange: (changes: { system?: string; question?: string }) => void;
  onAsk: () => void;
}

/** What both models are asked. What was said before the question is of a held-out row, and stays as it is. */
export function ConversationFields({ conversation, onChange, onAsk }: ConversationFieldsProps) {
  const { system, before, question, tools } = conversation;
  return (
    <Stack gap="sm">
      <Textarea
        label="System prompt"
        description="Left out where it is empty"
        autosize
        minRows={1}
        maxRows={8}
        dir="auto"
        value={system}
        onChange={({ currentTarget: { value } }) => onChange({ system: value })}
      />
      {before.map((message, place) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a message is known by its place alone
        <MessageView key={place} message={message} />
      ))}
      <Textarea
        label="Question"
        description="Ctrl+Enter asks it"
        autosize
        minRows={3}
        maxRows={16}
        dir="auto"
        value={question}
        onChange={({ currentTarget: { value } }) => onChange({ question: value })}
        onKeyDown={(event) => {
          if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
          event.preventDefault();
          onAsk();
        }}
      />
      {tools !== null && (
        <Text size="sm">
          {tools.length === 1 ? 'A tool' : `${tools.length} tools`} of the row may be called:{' '}
          {tools.map(({ function: { name } }) => name).join(', ')}.
        </Text>
      )}
    </Stack>
  );
}
