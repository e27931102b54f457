import { SimpleGrid, Stack } from '@mantine/core';
import type { RequestField, RequestFields } from '../../api/request-fields.ts';
import type { Config } from '../../api/settings.ts';
import { FieldInput } from '../../parts/fields/field-input.tsx';
import { textOf } from '../../parts/fields/values.ts';
import { Folded } from '../../parts/folded.tsx';
import { type Draft, takesDefaultRate, withValue } from './draft.ts';

interface HyperparametersProps {
  draft: Pick<Draft, 'type' | 'hyperparameters'>;
  fields: RequestFields;
  config: Config;
  onChange: (hyperparameters: Draft['hyperparameters']) => void;
  at: (place: string) => string | undefined;
}

/** All that decides how is trained: those first that the settings have defaults of, and the others behind a button. */
export function Hyperparameters({ draft, fields, config, onChange, at }: HyperparametersProps) {
  const chosen = draft.hyperparameters;
  const isUsual = ({ name }: RequestField) => `default_${name}` in config;
  const usual = Object.values(fields).filter(isUsual);
  const others = Object.values(fields).filter((field) => !isUsual(field));
  const changed = others.filter(({ name }) => chosen[name] !== undefined).length;
  const show = (field: RequestField) => (
    <FieldInput
      key={field.name}
      field={field}
      standard={standardOf(field, draft, config)}
      value={chosen[field.name] ?? ''}
      onChange={(value) => onChange(withValue(chosen, field.name, value))}
      error={at(field.name)}
    />
  );
  return (
    <Stack>
      <SimpleGrid cols={{ base: 1, sm: 2 }}>{usual.map(show)}</SimpleGrid>
      <Folded label={`${others.length} more${changed === 0 ? '' : ` (${changed} changed)`}`} opened={changed > 0}>
        <SimpleGrid cols={{ base: 1, sm: 2 }}>{others.map(show)}</SimpleGrid>
      </Folded>
    </Stack>
  );
}

/** What is taken where nothing is chosen. The learning rate of the settings is that of their training type: another type may have its own. */
function standardOf(
  { name, standard }: RequestField,
  { type, hyperparameters }: Pick<Draft, 'type' | 'hyperparameters'>,
  config: Config,
): string | null {
  if (name === 'learning_rate' && !takesDefaultRate(type, hyperparameters, config)) return null;
  const key = `default_${name}`;
  return key in config ? textOf(config[key as keyof Config]) : standard;
}
