import { Card, Loader, Stack, Text, Title } from '@mantine/core';
import { ApiAway } from '../../api/client.ts';
import { CallsView } from '../../parts/conversation/message.tsx';
import { count } from '../../parts/numbers.ts';
import { Problem } from '../../parts/problem.tsx';
import { UserText } from '../../parts/user-text.tsx';
import type { Answer } from './use-answer.ts';

interface AnswerCardProps {
  /** Which answer it is. */
  side: string;
  /** What answers; null: that is not to be known yet. */
  model: string | null;
  role: string | null;
  answer: Answer;
}

/** What one of two models says, as it says it. */
export function AnswerCard({ side, model, role, answer }: AnswerCardProps) {
  const { phase, text, calls, error } = answer;
  return (
    <Card withBorder component="article" aria-label={side} p="sm" miw={0}>
      <Stack gap="xs">
        <Title order={2} size="h6">
          {side}
          {model !== null && (
            <>
              : {role !== null && `${role}, `}
              <UserText inline>{model}</UserText>
            </>
          )}
        </Title>
        {text !== '' && <UserText>{text}</UserText>}
        <CallsView calls={calls} />
        <Text size="sm" fs="italic" role="status" component="div">
          {stateOf(answer)} {phase !== 'over' && <Loader size={12} type="dots" aria-hidden="true" />}
        </Text>
        <Problem
          error={error instanceof ApiAway ? new Error('The service does not answer. Ask again when it does.') : error}
          title={text === '' ? 'There is no answer' : 'The answer broke off'}
        />
      </Stack>
    </Card>
  );
}

function stateOf({ phase, text, finish, tokens, seconds, error }: Answer): string {
  if (phase === 'waiting') return 'The model is being loaded, or answers others. A large one takes minutes to load.';
  if (phase === 'reading') return 'It reads.';
  if (phase === 'answering') return 'It answers.';
  if (error !== null) return '';
  if (finish === null) return 'Stopped before its end.';
  const length = `${count(tokens)} ${tokens === 1 ? 'token' : 'tokens'} in ${Math.max(0.1, seconds).toFixed(1)} s`;
  if (finish === 'length') return `Cut off: ${length}. It may say more with a larger “Max tokens”.`;
  return text === '' && finish === 'stop' ? `It said nothing: ${length}.` : `${length}.`;
}
