import { Alert, Card, List, Stack, Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';
import { percent } from '../../parts/numbers.ts';
import { shown, UserText } from '../../parts/user-text.tsx';
import type { DraftProblem } from './problems.ts';
import type { WorkedOut } from './use-worked-out.ts';

interface PlanFrameProps {
  state: WorkedOut<unknown>;
  /** Why there can be no plan yet. */
  problems: Pick<DraftProblem, 'place' | 'sentence'>[];
  /** What is said before them, and while a plan takes long. */
  words: { before: string; atWork: string };
  /** The plan, where there is one. */
  children: ReactNode;
}

/** The card of a plan: how it is with it, and what is in the way; or the plan itself. */
export function PlanFrame({ state, problems, words, children }: PlanFrameProps) {
  return (
    <Card withBorder className="plan" component="section" aria-labelledby="plan">
      <Stack gap="sm">
        <Title order={2} size="h4" id="plan">
          Plan
        </Title>
        <Text size="sm" role="status">
          {problems.length > 0 ? words.before : statusOf(state, words.atWork)}
        </Text>
        {problems.length > 0 ? (
          <List size="sm">
            {problems.map(({ place, sentence }) => (
              <List.Item key={`${place} ${sentence}`}>{shown(sentence)}</List.Item>
            ))}
          </List>
        ) : state.error !== null ? (
          <Alert color="red" title="There is no plan">
            <UserText>{state.error.message}</UserText>
          </Alert>
        ) : (
          children
        )}
      </Stack>
    </Card>
  );
}

function statusOf({ plan, isOld, progressPercent, error }: WorkedOut<unknown>, atWork: string): string {
  if (progressPercent !== null) return `${atWork}: ${percent(progressPercent)} done.`;
  if (error !== null && !isOld) return 'The service refuses it.';
  return plan === null || isOld ? 'It is being worked out.' : 'As the draft is now.';
}
