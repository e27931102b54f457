import { Anchor, NativeSelect, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { baseModelsQuery } from '../../api/base-models.ts';
import { Problem } from '../../parts/problem.tsx';

interface BaseModelChoiceProps {
  label: string;
  value: string;
  /** What stands for none of them; without it, one is always chosen. */
  none?: string;
  onChange: (name: string | null) => void;
}

/** Chooses one of the base models on this machine; the screen of the models says why others cannot be used. */
export function BaseModelChoice({ label, value, none, onChange }: BaseModelChoiceProps) {
  const { data, error } = useQuery(baseModelsQuery);
  const names = data?.filter(({ available }) => available).map(({ name }) => name) ?? [];
  // What the address names is shown even where it is not there: the API says why it cannot be used.
  const shownNames = value === '' || names.includes(value) ? names : [value, ...names];
  if (data && shownNames.length === 0)
    return (
      <Text>
        Tokens are counted with a base model, and there is none on this machine that can be used:{' '}
        <Anchor component={Link} href="/models">
          see how to get one
        </Anchor>
        .
      </Text>
    );
  return (
    <div>
      <NativeSelect
        label={label}
        maw={400}
        data={[...(none === undefined ? [] : [{ value: '', label: none }]), ...shownNames]}
        value={value}
        onChange={({ currentTarget }) => onChange(currentTarget.value || null)}
      />
      <Problem error={error} title="The base models cannot be read" />
    </div>
  );
}
