import { Button, Group, NativeSelect, Stack, Text, TextInput } from '@mantine/core';
import type { SweepDraft, SweptField } from './draft.ts';

interface SweptFieldsProps {
  draft: SweepDraft;
  /** Hyperparameters that may vary. */
  names: string[];
  onChange: (fields: SweptField[]) => void;
  at: (place: string) => string | undefined;
}

/** What the runs have each: hyperparameters with the values to try. */
export function SweptFields({ draft: { fields, method }, names, onChange, at }: SweptFieldsProps) {
  const change = (nth: number, changes: Partial<SweptField>) =>
    onChange(fields.map((field, index) => (index === nth ? { ...field, ...changes } : field)));
  const left = names.filter((name) => fields.every((field) => field.name !== name));
  const [next] = left;
  return (
    <Stack gap="sm">
      <Text size="sm">
        {method === 'grid'
          ? 'Values with commas between them: each is tried with each value of the others.'
          : 'Values with commas between them, or of a number what lies between two: 0.0001 to 0.01, or 0.0001 to 0.01 log.'}
      </Text>
      {fields.map((field, nth) => (
        <Group key={field.name} align="flex-start" gap="sm">
          <NativeSelect
            label="Hyperparameter"
            data={[field.name, ...left]}
            value={field.name}
            onChange={(event) => change(nth, { name: event.currentTarget.value })}
          />
          <TextInput
            label={`Values of ${field.name}`}
            flex={1}
            miw={200}
            value={field.values}
            onChange={(event) => change(nth, { values: event.currentTarget.value })}
            error={at(`field ${field.name}`)}
            autoComplete="off"
            spellCheck={false}
          />
          {fields.length > 1 && (
            <Button
              mt="xl"
              size="compact-sm"
              variant="default"
              onClick={() => onChange(fields.filter((_, index) => index !== nth))}
            >
              Remove {field.name}
            </Button>
          )}
        </Group>
      ))}
      {at('fields') !== undefined && (
        <Text size="sm" c="red" role="alert">
          {at('fields')}
        </Text>
      )}
      {next !== undefined && (
        <Group>
          <Button size="compact-sm" variant="default" onClick={() => onChange([...fields, { name: next, values: '' }])}>
            Add a hyperparameter
          </Button>
        </Group>
      )}
    </Stack>
  );
}
