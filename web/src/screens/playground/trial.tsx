import { Button, Group, SimpleGrid, Stack, Text } from '@mantine/core';
import type { Run, RunOwner } from '../../api/types.ts';
import { type Message, MessageView } from '../../parts/conversation/message.tsx';
import { Folded } from '../../parts/folded.tsx';
import { AnswerCard } from './answer-card.tsx';
import { Ballot } from './ballot.tsx';
import { type Conversation, messagesOf } from './conversation.ts';
import { ConversationFields } from './conversation-fields.tsx';
import { ExactPrompt } from './exact-prompt.tsx';
import { ParameterFields } from './parameters.tsx';
import { useConversation } from './use-conversation.ts';
import { useParameters } from './use-parameters.ts';
import { useRound } from './use-round.ts';
import { roleOf, type Sides } from './use-sides.ts';

interface TrialProps {
  owner: RunOwner;
  run: Run;
  base: string;
  sides: Sides;
  isBlind: boolean;
  /** Of the held-out rows; null: something of one's own is asked. */
  row: number | null;
  given: Conversation;
  expected: Message | null;
}

/** A prompt, both answers to it, and the vote on them. */
export function Trial({ owner, run, base, sides, isBlind, row, given, expected }: TrialProps) {
  const { conversation, change, isChanged } = useConversation(owner, run.number, row, given);
  const { fields, parameters, problem } = useParameters();
  const { round, left, right, isBusy, ask, stop, ballot } = useRound(owner, run.number);
  const messages = messagesOf(conversation);
  const { tools } = conversation;
  const obstacle = problem ?? (messages.length === 0 ? 'Type a question, or pick a held-out row.' : null);
  const askBoth = () => {
    if (obstacle === null && !isBusy) ask({ messages, tools, parameters }, sides, isBlind);
  };
  const isNamed = round !== null && (!round.isBlind || ballot.chosen !== null);
  const isOlder = round !== null && JSON.stringify({ messages, tools, parameters }) !== JSON.stringify(round.asked);
  return (
    <Stack gap="md">
      <ConversationFields conversation={conversation} onChange={change} onAsk={askBoth} />
      <Folded label="How words are chosen" opened={problem !== null}>
        <ParameterFields fields={fields} />
      </Folded>
      <Group gap="xs">
        <Button onClick={askBoth} disabled={obstacle !== null || isBusy}>
          Ask both
        </Button>
        <Button variant="default" onClick={stop} disabled={!isBusy}>
          Stop
        </Button>
        <Text size="sm" role="status">
          {obstacle ?? ''}
        </Text>
      </Group>
      <ExactPrompt sides={sides} messages={messages} tools={tools} />
      {isOlder && <Text size="sm">The question has changed since: below are the answers to the one before.</Text>}
      <SimpleGrid cols={{ base: 1, md: expected === null ? 2 : 3 }}>
        {expected !== null && <Expected message={expected} isChanged={isChanged} />}
        {round !== null &&
          left !== null &&
          right !== null &&
          [
            { side: 'Answer 1', model: round.sides.left, answer: left },
            { side: 'Answer 2', model: round.sides.right, answer: right },
          ].map(({ side, model, answer }) => (
            <AnswerCard
              key={side}
              side={side}
              model={isNamed ? model : null}
              role={roleOf(model, run, base)}
              answer={answer}
            />
          ))}
      </SimpleGrid>
      {round !== null && <Ballot {...ballot} />}
    </Stack>
  );
}

function Expected({ message, isChanged }: { message: Message; isChanged: boolean }) {
  return (
    <section aria-label="Expected answer">
      <Text size="sm" fw={600}>
        Expected answer{isChanged && ', to the question as the row has it'}
      </Text>
      <MessageView message={message} />
    </section>
  );
}
