import { Button, Stack, Text } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { isAtWork } from '../../api/at-work.ts';
import { promptQuery } from '../../api/playground.ts';
import { useChangeAddress, useParam } from '../../parts/address.ts';
import { count } from '../../parts/numbers.ts';
import { Problem } from '../../parts/problem.tsx';
import { ToCopy } from '../../parts/to-copy.tsx';
import type { SentMessage, Tool } from './conversation.ts';
import type { Sides } from './use-sides.ts';

/** While somebody types, nothing is asked. */
const ASK_AFTER_MS = 500;

interface ExactPromptProps {
  sides: Sides;
  messages: SentMessage[];
  tools: Tool[] | null;
}

/** The prompt as each model reads it, on demand: the models are loaded for it. */
export function ExactPrompt({ sides, messages, tools }: ExactPromptProps) {
  const isShown = useParam('prompt') === 'shown';
  const change = useChangeAddress();
  return (
    <Stack gap="sm">
      <Button
        w="fit-content"
        variant="default"
        aria-expanded={isShown}
        onClick={() => change({ prompt: isShown ? null : 'shown' })}
      >
        {isShown ? 'Hide the exact prompt' : 'Show the exact prompt'}
      </Button>
      {isShown &&
        (messages.length === 0 ? (
          <Text size="sm">There is nothing to be asked yet.</Text>
        ) : (
          [...new Set([sides.left, sides.right])].map((model) => (
            <PromptOf key={model} model={model} messages={messages} tools={tools} />
          ))
        ))}
    </Stack>
  );
}

function PromptOf({ model, messages, tools }: { model: string } & Omit<ExactPromptProps, 'sides'>) {
  const [asked] = useDebouncedValue({ model, messages, tools }, ASK_AFTER_MS);
  const { data, error } = useQuery(promptQuery(asked));
  if (error !== null) return <Problem error={error} title={`${model} cannot be asked this`} />;
  if (data === undefined || isAtWork(data))
    return (
      <Text size="sm" role="status" className="late">
        {model} is being loaded for its chat template. A large model takes minutes.
      </Text>
    );
  const { prompt, prompt_tokens } = data;
  return (
    <Stack gap={4}>
      <Text size="sm">
        {model}: {count(prompt_tokens)} tokens, as its chat template writes them. Its answer follows.
      </Text>
      <ToCopy text={prompt} label={`The exact prompt of ${model}`} />
    </Stack>
  );
}
