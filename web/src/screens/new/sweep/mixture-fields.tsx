import { Button, Fieldset, Group, Stack, Text, TextInput } from '@mantine/core';
import { useDatasetNames } from '../../../parts/plan/dataset-names.ts';
import { TRAITS } from '../../../parts/plan/traits.ts';
import { shown } from '../../../parts/user-text.tsx';
import type { TraitDraft } from '../draft.ts';
import type { SweepDraft } from './draft.ts';
import { type MixtureDraft, newMixture } from './mixtures.ts';
import { percentagesOf } from './percentages.ts';

interface MixtureFieldsProps extends Pick<SweepDraft, 'traits' | 'mixtures'> {
  onChange: (mixtures: MixtureDraft[]) => void;
  at: (place: string) => string | undefined;
}

/** The mixtures that are tried: of each a name, and how much of each dataset and trait it has. */
export function MixtureFields({ traits, mixtures, onChange, at }: MixtureFieldsProps) {
  const names = useDatasetNames(traits.flatMap(({ shares }) => shares.flatMap(({ datasetId }) => datasetId ?? [])));
  return (
    <Stack>
      <Text size="sm">
        Each has the datasets above, in shares of its own. The same rows are held out of all of them, so that their
        losses compare. A dataset without a percentage gets an equal part of what the others leave; a trait without a
        weight has 1.
      </Text>
      {mixtures.map((mixture, nth) => (
        <Mixture
          key={mixture.key}
          mixture={mixture}
          number={nth + 1}
          traits={traits}
          names={names}
          onChange={(changes) =>
            onChange(mixtures.map((each, index) => (index === nth ? { ...each, ...changes } : each)))
          }
          onRemove={mixtures.length > 1 ? () => onChange(mixtures.filter((_, index) => index !== nth)) : null}
          at={at}
        />
      ))}
      <Group>
        <Button size="compact-sm" variant="default" onClick={() => onChange([...mixtures, newMixture()])}>
          Add a mixture
        </Button>
      </Group>
    </Stack>
  );
}

interface MixtureProps {
  mixture: MixtureDraft;
  number: number;
  traits: TraitDraft[];
  names: Map<number, string>;
  onChange: (changes: Partial<MixtureDraft>) => void;
  onRemove: (() => void) | null;
  at: MixtureFieldsProps['at'];
}

function Mixture({ mixture, number, traits, names, onChange, onRemove, at }: MixtureProps) {
  const place = `mixture ${mixture.key}`;
  const label = `mixture ${number}`;
  const { weights, percentages } = mixture;
  return (
    <Fieldset legend={`Mixture ${number}`} miw={0}>
      <Stack gap="sm">
        <TextInput
          label={`Name of ${label}`}
          maxLength={64}
          value={mixture.name}
          onChange={(event) => onChange({ name: event.currentTarget.value })}
          error={at(`${place} name`)}
          autoComplete="off"
        />
        {traits.map(({ type, shares }) => {
          const keys = shares.map(({ key }) => key);
          const left = (key: string) => percentagesOf(keys, { ...percentages, [key]: '' })[keys.indexOf(key)];
          return (
            <Stack key={type} gap="xs">
              {traits.length > 1 && (
                <TextInput
                  label={`Weight of ${TRAITS[type].label}, ${label}`}
                  placeholder="1"
                  inputMode="decimal"
                  value={weights[type] ?? ''}
                  onChange={(event) => onChange({ weights: { ...weights, [type]: event.currentTarget.value } })}
                  error={at(`${place} ${type}`)}
                  autoComplete="off"
                />
              )}
              {shares.length > 1 &&
                shares.map(({ key, datasetId }, nth) => (
                  <TextInput
                    key={key}
                    label={`Percent of ${nameOf(datasetId, nth, names)}, ${label}`}
                    placeholder={String(left(key))}
                    inputMode="decimal"
                    value={percentages[key] ?? ''}
                    onChange={(event) =>
                      onChange({ percentages: { ...percentages, [key]: event.currentTarget.value } })
                    }
                    error={at(`${place} ${key}`)}
                    autoComplete="off"
                  />
                ))}
            </Stack>
          );
        })}
        {at(place) !== undefined && (
          <Text size="sm" c="var(--mantine-color-error)" role="alert">
            {at(place)}
          </Text>
        )}
        {onRemove !== null && (
          <Group>
            <Button size="compact-sm" variant="default" onClick={onRemove}>
              Remove {label}
            </Button>
          </Group>
        )}
      </Stack>
    </Fieldset>
  );
}

function nameOf(datasetId: number | null, nth: number, names: Map<number, string>): string {
  const name = datasetId === null ? undefined : names.get(datasetId);
  return name === undefined ? `dataset ${nth + 1}` : `${shown(name)} (${datasetId})`;
}
