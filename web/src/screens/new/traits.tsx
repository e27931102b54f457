import { Button, Checkbox, Group, Stack, Text, TextInput } from '@mantine/core';
import type { RequestFields } from '../../api/request-fields.ts';
import { percent } from '../../parts/numbers.ts';
import { TRAIT_TYPES, TRAITS, type TraitType } from '../../parts/plan/traits.ts';
import { newShare, type TraitDraft } from './draft.ts';
import { ShareRow } from './share-row.tsx';
import { added } from './shares.ts';

interface TraitsProps {
  traits: TraitDraft[];
  onChange: (traits: TraitDraft[]) => void;
  filters: RequestFields;
  /** Shares and weights are asked for elsewhere: here it is about the datasets alone. */
  withoutShares?: boolean;
  /** What is wrong at a place. */
  at: (place: string) => string | undefined;
}

/** What a project is to teach, each from datasets of its own. */
export function Traits({ traits, onChange, filters, withoutShares = false, at }: TraitsProps) {
  const switchTo = (type: TraitType, isOn: boolean) => {
    const kept = traits.filter((trait) => trait.type !== type);
    const all = isOn ? [...kept, { type, weight: '', shares: [newShare()] }] : kept;
    onChange(TRAIT_TYPES.flatMap((known) => all.filter((trait) => trait.type === known)));
  };
  return (
    <Stack gap="md">
      {TRAIT_TYPES.map((type) => {
        const trait = traits.find((candidate) => candidate.type === type);
        return (
          <Stack key={type} gap="sm" role="group" aria-label={TRAITS[type].label}>
            <Checkbox
              label={TRAITS[type].label}
              description={TRAITS[type].about}
              checked={trait !== undefined}
              onChange={(event) => switchTo(type, event.currentTarget.checked)}
            />
            {trait && (
              <Trait
                trait={trait}
                rowsPercent={traits.length > 1 && !withoutShares ? partOf(trait, traits) : null}
                withoutShares={withoutShares}
                onChange={(changed) => onChange(traits.map((each) => (each === trait ? changed : each)))}
                filters={filters}
                at={at}
              />
            )}
          </Stack>
        );
      })}
      {at('traits') !== undefined && (
        <Text size="sm" c="var(--mantine-color-error)">
          {at('traits')}
        </Text>
      )}
    </Stack>
  );
}

/** What part of all rows a trait gets, in percent: its weight of all weights. */
function partOf(trait: TraitDraft, traits: TraitDraft[]): number {
  const weightOf = ({ weight }: TraitDraft) => (weight.trim() === '' ? 1 : Number(weight));
  return (100 * weightOf(trait)) / traits.reduce((sum, each) => sum + weightOf(each), 0);
}

interface TraitProps extends Omit<TraitsProps, 'traits' | 'onChange'> {
  trait: TraitDraft;
  rowsPercent: number | null;
  onChange: (trait: TraitDraft) => void;
}

function Trait({ trait, rowsPercent, onChange, filters, withoutShares, at }: TraitProps) {
  const { type, weight, shares } = trait;
  const { label, isSingle } = TRAITS[type];
  const nameOf = (index: number) =>
    isSingle && shares.length === 1 ? `Dataset of ${label}` : `Dataset ${index + 1} of ${label}`;
  return (
    <Stack gap="sm" pl="md" className="beside-line">
      {shares.map((share, index) => (
        <ShareRow
          key={share.key}
          shares={shares}
          index={index}
          onChange={(changed) => onChange({ ...trait, shares: changed })}
          label={nameOf(index)}
          filters={filters}
          withoutShare={withoutShares}
          error={at(`share ${share.key}`)}
        />
      ))}
      {!isSingle && (
        <Button
          variant="default"
          size="compact-sm"
          w="fit-content"
          onClick={() => onChange({ ...trait, shares: added(shares, newShare()) })}
        >
          Add a dataset
        </Button>
      )}
      {rowsPercent !== null && (
        <Group gap="sm" align="end">
          <TextInput
            label={`Weight of ${label}`}
            w={240}
            placeholder="1"
            inputMode="decimal"
            value={weight}
            onChange={(event) => onChange({ ...trait, weight: event.currentTarget.value })}
          />
          <Text size="sm" pb={8}>
            {percent(rowsPercent)} of the rows
          </Text>
        </Group>
      )}
      {at(`trait ${type}`) !== undefined && (
        <Text size="sm" c="var(--mantine-color-error)">
          {at(`trait ${type}`)}
        </Text>
      )}
    </Stack>
  );
}
