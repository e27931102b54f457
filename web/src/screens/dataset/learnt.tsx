import { Alert, Group, List, Loader, NativeSelect, Stack, Text, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { isAtWork } from '../../api/at-work.ts';
import { baseModelsQuery } from '../../api/base-models.ts';
import { tokensQuery } from '../../api/datasets.ts';
import type { Dataset, RowTokens } from '../../api/types.ts';
import { useChangeAddress, useChoice, useNumberParam, useParam } from '../../parts/address.ts';
import { NumberField } from '../../parts/number-field.tsx';
import { Problem } from '../../parts/problem.tsx';
import { UserText } from '../../parts/user-text.tsx';
import { BaseModelChoice } from './base-model-choice.tsx';
import {
  LONGEST_MAX_LENGTH,
  REASONING,
  SHORTEST_MAX_LENGTH,
  STANDARD_MAX_LENGTH,
  TOKENS_AT_ONCE,
  TOO_LONG,
  TOOL_CALLS,
  TRAIN_ON,
} from './settings.ts';
import { Tokens } from './tokens.tsx';

/** What a model learns of a row: its tokens as training sees them. */
export function Learnt({ dataset }: { dataset: Dataset }) {
  const models = useQuery(baseModelsQuery);
  const firstUsable = models.data?.find(({ available }) => available)?.name ?? '';
  const model = useParam('model') || firstUsable;
  const row = useNumberParam('row') ?? 0;
  const maxLength = useNumberParam('max_length') ?? STANDARD_MAX_LENGTH;
  const tooLong = useSetting('too_long', TOO_LONG);
  const reasoning = useSetting('reasoning', REASONING);
  const toolCalls = useSetting('tool_calls', TOOL_CALLS);
  const trainOn = useSetting('train_on', TRAIN_ON);
  const newTokens = useParam('new_tokens');
  const offset = useNumberParam('from') ?? 0;
  const change = useChangeAddress();
  const asked = {
    base_model: model,
    row,
    max_length: maxLength,
    too_long: tooLong.value,
    reasoning: reasoning.value,
    tool_calls: toolCalls.value,
    train_on: trainOn.value,
    ...(newTokens === '' ? {} : { new_tokens: newTokens }),
  };
  const { data, error } = useQuery({
    ...tokensQuery(dataset.id, { ...asked, offset, limit: TOKENS_AT_ONCE }),
    enabled: model !== '' && dataset.mapping !== null,
  });
  if (dataset.mapping === null)
    return <Text>Its rows are no conversations yet: say on the tab Mapping what its columns are.</Text>;
  return (
    <Stack>
      <Group align="end">
        <BaseModelChoice label="Base model" value={model} onChange={(name) => change({ model: name, from: null })} />
        <NumberField
          label="Row"
          w={110}
          value={row}
          min={0}
          max={dataset.row_count - 1}
          onTake={(value) => change({ row: value === 0 ? null : String(value), from: null })}
        />
        <NumberField
          label="Longest row, in tokens"
          w={180}
          value={maxLength}
          min={SHORTEST_MAX_LENGTH}
          max={LONGEST_MAX_LENGTH}
          onTake={(value) => change({ max_length: value === STANDARD_MAX_LENGTH ? null : String(value), from: null })}
        />
        <NativeSelect label="A longer row" {...tooLong.props} />
        <NativeSelect label="Thoughts it cannot show" {...reasoning.props} />
        <NativeSelect label="Calls it cannot show" {...toolCalls.props} />
        <NativeSelect label="What is learnt" {...trainOn.props} />
        <NewTokens value={newTokens} onTake={(text) => change({ new_tokens: text === '' ? null : text, from: null })} />
      </Group>
      <Problem error={error} title="The tokens cannot be shown" />
      {model !== '' && error === null && (data === undefined || isAtWork(data)) && (
        <Group role="status">
          <Loader size="sm" aria-hidden="true" />
          The trainer makes the tokens
        </Group>
      )}
      {error === null && data && !isAtWork(data) && (
        <Result tokens={data} onOffset={(from) => change({ from: from === 0 ? null : String(from) })} />
      )}
    </Stack>
  );
}

const TAKE_AFTER_MS = 400;

/** Taken when typing has paused. */
function NewTokens({ value, onTake }: { value: string; onTake: (text: string) => void }) {
  const [typed, setTyped] = useState(value);
  const take = useDebouncedCallback(onTake, TAKE_AFTER_MS);
  useEffect(() => setTyped(value), [value]);
  return (
    <TextInput
      label="New tokens"
      placeholder="<think> </think>"
      maxLength={4096}
      value={typed}
      onChange={({ currentTarget }) => {
        setTyped(currentTarget.value);
        take(currentTarget.value.trim());
      }}
    />
  );
}

/** One of the settings that have few values: in the address, unless it is the first. */
function useSetting<Value extends string>(
  name: string,
  choices: readonly [{ value: Value; label: string }, ...{ value: Value; label: string }[]],
) {
  const change = useChangeAddress();
  const [{ value: standard }] = choices;
  const value = useChoice(
    name,
    choices.map((choice) => choice.value),
    standard,
  );
  return {
    value,
    props: {
      value,
      data: [...choices],
      onChange: ({ currentTarget }: { currentTarget: HTMLSelectElement }) =>
        change({ [name]: currentTarget.value === standard ? null : currentTarget.value, from: null }),
    },
  };
}

function Result({ tokens, onOffset }: { tokens: RowTokens; onOffset: (offset: number) => void }) {
  const { problem, notes, dropped, max_length } = tokens;
  return (
    <Stack>
      {problem !== null && (
        <Alert color="yellow" variant="light" title="It is not trained on">
          <UserText>{problem}</UserText>
        </Alert>
      )}
      {dropped && (
        <Alert color="yellow" variant="light" title="It is left out">
          It is longer than {max_length} tokens.
        </Alert>
      )}
      {notes.length > 0 && (
        <List size="sm">
          {notes.map((note) => (
            <List.Item key={note}>
              Rows like this one <UserText inline>{note}</UserText>
            </List.Item>
          ))}
        </List>
      )}
      {problem === null && <Tokens tokens={tokens} onOffset={onOffset} />}
    </Stack>
  );
}
