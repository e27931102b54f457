import { Checkbox, Fieldset, NativeSelect, Stack } from '@mantine/core';
import { FieldInput } from '../../parts/fields/field-input.tsx';
import { Folded } from '../../parts/folded.tsx';
import type { Draft, FollowingDraft, Ground, TrainingType } from './draft.ts';
import { Hyperparameters } from './hyperparameters.tsx';
import { TRAINING_TYPES } from './training-types.ts';
import { Traits } from './traits.tsx';

/** All but rag, which trains nothing. */
const TYPES = Object.entries(TRAINING_TYPES).filter(([type]) => type !== 'rag');

interface SecondPartProps {
  draft: Draft;
  change: (changes: Partial<Draft>) => void;
  ground: Ground;
  /** What is wrong at a place of the second part. */
  at: (place: string) => string | undefined;
}

/** The second run of a project, which begins from what the first one made. */
export function SecondPart({ draft: { followedBy: part }, change, ground, at }: SecondPartProps) {
  const put = (changes: Partial<FollowingDraft>) => part && change({ followedBy: { ...part, ...changes } });
  const { max_rows: maxRows } = ground.fields;
  return (
    <Fieldset legend="Second part" miw={0}>
      <Stack>
        <Checkbox
          label="Then train on its result"
          description="A second run begins from the model of the first as soon as that has completed, such as dpo after qlora."
          checked={part !== null}
          onChange={(event) => change({ followedBy: event.currentTarget.checked ? NEW_PART : null })}
        />
        {part !== null && (
          <>
            <NativeSelect
              label="Training type of the second part"
              description={TRAINING_TYPES[part.type].about}
              data={TYPES.map(([value, { label }]) => ({ value, label }))}
              value={part.type}
              onChange={(event) => put({ type: event.currentTarget.value as TrainingType })}
            />
            <Checkbox
              label="On rows of its own"
              description="Without it, the second part trains on the traits of the project."
              checked={part.traits !== null}
              onChange={(event) => put({ traits: event.currentTarget.checked ? [] : null })}
            />
            {part.traits !== null && (
              <Fieldset legend="Traits of the second part" miw={0}>
                <Traits traits={part.traits} onChange={(traits) => put({ traits })} filters={ground.filters} at={at} />
              </Fieldset>
            )}
            <Folded label="Settings of the second part" opened={part.maxRows !== '' || hasAny(part.hyperparameters)}>
              <Stack>
                {maxRows && (
                  <FieldInput
                    field={maxRows}
                    standard="as of the project"
                    value={part.maxRows}
                    onChange={(value) => put({ maxRows: value })}
                    error={at('max_rows')}
                  />
                )}
                <Hyperparameters
                  draft={part}
                  fields={ground.hyperparameters}
                  config={ground.config}
                  onChange={(hyperparameters) => put({ hyperparameters })}
                  at={at}
                />
              </Stack>
            </Folded>
          </>
        )}
      </Stack>
    </Fieldset>
  );
}

/** Preferences, on rows of their own: what most want who want a second part. */
const NEW_PART: FollowingDraft = { type: 'dpo', traits: [], maxRows: '', hyperparameters: {} };

function hasAny(record: object): boolean {
  return Object.keys(record).length > 0;
}
