import { Stack, Text, Title } from '@mantine/core';
import type { Report } from '../../../api/types.ts';
import { QuestionCard } from './question-card.tsx';
import { SideBySide } from './side-by-side.tsx';

/** What every model is asked: whether what the base could do is still there. */
export function FixedPrompts({ prompts }: { prompts: NonNullable<Report['fixed_prompts']> }) {
  return (
    <Stack component="section" aria-labelledby="report-prompts" gap="sm">
      <Title order={2} size="h4" id="report-prompts">
        The same questions to every model
      </Title>
      <Text size="sm">
        Whatever it was tuned for: they show whether the tuned model still does what its base could.
      </Text>
      {prompts.map(({ prompt, base, tuned }, place) => (
        <QuestionCard key={prompt} title={`Question ${place + 1}`} asked={prompt}>
          <SideBySide
            sides={[
              { title: 'Base model', text: base },
              { title: 'Tuned model', text: tuned, from: { name: 'the base model', text: base } },
            ]}
          />
        </QuestionCard>
      ))}
    </Stack>
  );
}
