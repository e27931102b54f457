import { Button, Checkbox, Fieldset, Group, MultiSelect, Select, Stack, Text, TextInput } from '@mantine/core';
import { TRAITS, type TraitType } from '../plan/traits.ts';
import { AGAINST, BOUNDS, type ConditionDraft, METRICS, newCondition } from './gate.ts';

const choicesOf = (labels: Record<string, string>) =>
  Object.entries(labels).map(([value, label]) => ({ value, label }));

interface GateFieldsProps {
  conditions: ConditionDraft[];
  onChange: (conditions: ConditionDraft[]) => void;
  traits: TraitType[];
  /** What is wrong with a condition. */
  errorOf: (condition: ConditionDraft) => string | undefined;
}

/** What must hold for a model of the project to be served. */
export function GateFields({ conditions, onChange, traits, errorOf }: GateFieldsProps) {
  return (
    <Fieldset legend="Gate" miw={0}>
      <Stack>
        <Text size="sm">
          What must hold before a model takes the place of the current version. Without a condition, each run that
          completes does.
        </Text>
        {conditions.map((condition, index) => (
          <Condition
            key={condition.key}
            label={`Condition ${index + 1}`}
            condition={condition}
            traits={traits}
            error={errorOf(condition)}
            onChange={(changes) =>
              onChange(conditions.map((each) => (each === condition ? { ...each, ...changes } : each)))
            }
            onRemove={() => onChange(conditions.filter((each) => each !== condition))}
          />
        ))}
        <Group>
          <Button variant="default" size="compact-sm" onClick={() => onChange([...conditions, newCondition()])}>
            Add a condition
          </Button>
        </Group>
      </Stack>
    </Fieldset>
  );
}

interface ConditionProps {
  label: string;
  condition: ConditionDraft;
  traits: TraitType[];
  error: string | undefined;
  onChange: (changes: Partial<ConditionDraft>) => void;
  onRemove: () => void;
}

function Condition({ label, condition, traits, error, onChange, onRemove }: ConditionProps) {
  const { metric, against, bound, by, anyTrait } = condition;
  return (
    <Stack gap="xs" role="group" aria-label={label}>
      <Group align="end" gap="xs">
        <Select
          label="What is held"
          data={choicesOf(METRICS)}
          value={metric}
          allowDeselect={false}
          onChange={(value) => onChange({ metric: value as ConditionDraft['metric'] })}
        />
        <Select
          label="Bound"
          data={choicesOf(BOUNDS)}
          value={bound}
          allowDeselect={false}
          onChange={(value) => onChange({ bound: value as ConditionDraft['bound'] })}
        />
        <TextInput
          label="By"
          w={90}
          inputMode="decimal"
          value={by}
          onChange={(event) => onChange({ by: event.currentTarget.value })}
          error={error}
        />
        <Select
          label="Against"
          data={choicesOf(AGAINST)}
          value={against}
          allowDeselect={false}
          onChange={(value) => onChange({ against: value as ConditionDraft['against'] })}
        />
      </Group>
      <Group align="end" gap="xs">
        <MultiSelect
          label="Traits"
          placeholder={condition.traits.length === 0 ? 'Each of the project' : ''}
          data={traits.map((trait) => ({ value: trait, label: TRAITS[trait].label }))}
          value={condition.traits}
          onChange={(value) => onChange({ traits: value as TraitType[] })}
        />
        {bound === 'better_by' && (
          <Checkbox
            label="One of them is enough"
            checked={anyTrait}
            onChange={(event) => onChange({ anyTrait: event.currentTarget.checked })}
          />
        )}
        <Button variant="default" size="sm" aria-label={`Remove ${label.toLowerCase()}`} onClick={onRemove}>
          Remove
        </Button>
      </Group>
    </Stack>
  );
}
