import { SimpleGrid } from '@mantine/core';
import { useChangeAddress } from '../../parts/address.ts';
import { FieldInput } from '../../parts/fields/field-input.tsx';
import { STANDARD, type useParameters } from './use-parameters.ts';

/** How both models choose their words. */
export function ParameterFields({ fields }: Pick<ReturnType<typeof useParameters>, 'fields'>) {
  const change = useChangeAddress();
  return (
    <SimpleGrid cols={{ base: 1, xs: 2, md: 4 }}>
      {fields.map(({ field, name, text }) => (
        <FieldInput
          key={name}
          field={field}
          value={text}
          standard={STANDARD[name] === null ? null : String(STANDARD[name])}
          onChange={(value) => change({ [name]: value === '' ? null : value })}
        />
      ))}
    </SimpleGrid>
  );
}
