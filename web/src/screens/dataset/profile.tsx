import { Group, Loader, Stack, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { isAtWork } from '../../api/at-work.ts';
import { profileQuery } from '../../api/datasets.ts';
import type { Dataset, DatasetProfile } from '../../api/types.ts';
import { useChangeAddress, useNumberParam, useParam } from '../../parts/address.ts';
import { NumberField } from '../../parts/number-field.tsx';
import { count, percent } from '../../parts/numbers.ts';
import { Problem } from '../../parts/problem.tsx';
import { Bar } from './bar.tsx';
import { BaseModelChoice } from './base-model-choice.tsx';
import { Columns } from './columns.tsx';
import { Histogram } from './histogram.tsx';
import { Roles } from './roles.tsx';
import { RowLink } from './row-link.tsx';
import { LONGEST_MAX_LENGTH, SHORTEST_MAX_LENGTH, STANDARD_MAX_LENGTH } from './settings.ts';
import { TokenCounts } from './token-counts.tsx';
import { Unused } from './unused.tsx';

/** What a dataset is made of, as pictures that each have their numbers beside them. */
export function ProfileTab({ dataset }: { dataset: Dataset }) {
  const model = useParam('model');
  const maxLength = useNumberParam('max_length') ?? STANDARD_MAX_LENGTH;
  const change = useChangeAddress();
  const { data, error, isPlaceholderData } = useQuery(profileQuery(dataset.id, model || null, maxLength));
  return (
    <Stack gap="lg">
      {dataset.mapping !== null && (
        <Group align="end">
          <BaseModelChoice
            label="Count tokens for"
            value={model}
            none="no base model"
            onChange={(name) => change({ model: name })}
          />
          {model !== '' && (
            <NumberField
              label="Longest row, in tokens"
              w={180}
              value={maxLength}
              min={SHORTEST_MAX_LENGTH}
              max={LONGEST_MAX_LENGTH}
              onTake={(value) => change({ max_length: value === STANDARD_MAX_LENGTH ? null : String(value) })}
            />
          )}
        </Group>
      )}
      <Problem error={error} title="It cannot be counted" />
      {error === null && (data === undefined || isAtWork(data)) && (
        <Group role="status">
          <Loader size="sm" aria-hidden="true" />
          All rows are read. {data?.progress_percent ? `${percent(data.progress_percent)} of that is done.` : ''}
        </Group>
      )}
      {data && !isAtWork(data) && (
        <Stack gap="lg" className={isPlaceholderData ? 'stale' : undefined}>
          <Profile profile={data} />
        </Stack>
      )}
    </Stack>
  );
}

function Profile({ profile }: { profile: DatasetProfile }) {
  const {
    rows,
    usable_rows,
    duplicates,
    rows_with_special_tokens,
    longest_row,
    characters,
    character_histogram,
    tokens,
    preferences,
  } = profile;
  return (
    <>
      {characters && character_histogram && (
        <Part title="Length of conversations, in characters">
          <Histogram
            name="Conversations by their characters"
            unit="characters"
            lengths={characters}
            buckets={character_histogram}
          />
          {longest_row !== null && (
            <Text size="sm">
              The longest is that of <RowLink row={longest_row} />.
            </Text>
          )}
        </Part>
      )}
      {tokens && (
        <Part title="Length of rows, in tokens">
          <TokenCounts tokens={tokens} usableRows={usable_rows} />
        </Part>
      )}
      <Part title="Usable rows and duplicates">
        <Bar
          of={rows}
          value={usable_rows}
          label={`Rows that give a conversation: ${count(usable_rows)} of ${count(rows)}`}
        />
        <Bar of={usable_rows} value={duplicates} label={`Repeats of an earlier conversation: ${count(duplicates)}`} />
        {rows_with_special_tokens > 0 && (
          <Bar
            of={usable_rows}
            value={rows_with_special_tokens}
            label={`Conversations with tokens such as <|im_end|> as text: ${count(rows_with_special_tokens)}`}
          />
        )}
        <Unused unused={profile.unused} />
      </Part>
      {preferences && (
        <Part title="Chosen and rejected answers">
          <Bar
            of={usable_rows}
            value={preferences.chosen_longer}
            label={`The chosen answer is the longer one: ${count(preferences.chosen_longer)}`}
          />
          <Bar
            of={usable_rows}
            value={preferences.chosen_shorter}
            label={`The rejected answer is the longer one: ${count(preferences.chosen_shorter)}`}
          />
          <Text size="sm">
            The chosen ones have {count(Math.round(preferences.chosen_characters))} characters on average, the rejected
            ones {count(Math.round(preferences.rejected_characters))}.
          </Text>
        </Part>
      )}
      {profile.roles.length > 0 && (
        <Part title="Roles and languages">
          <Roles roles={profile.roles} />
        </Part>
      )}
      <Part title="Columns">
        <Columns columns={profile.columns} rows={rows} />
      </Part>
    </>
  );
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <Stack component="section" aria-label={title} gap="xs">
      <Title order={2} size="h5">
        {title}
      </Title>
      {children}
    </Stack>
  );
}
