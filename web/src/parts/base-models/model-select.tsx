import { type InputWrapperProps, Select, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { availabilityQuery, type BaseModel, baseModelsQuery } from '../../api/base-models.ts';
import { UserText } from '../user-text.tsx';
import { factsOf, usableFirst } from './facts.ts';

interface ModelSelectProps {
  label: string;
  description: string;
  placeholder: string;
  /** '' while none is chosen. */
  value: string;
  onChange: (name: string) => void;
  error: string | undefined;
  inputWrapperOrder?: NonNullable<InputWrapperProps['inputWrapperOrder']>;
}

/** A base model of those on this machine, usable ones first; or one by another of its names, which is typed. */
export function ModelSelect({ value, onChange, ...props }: ModelSelectProps) {
  const [search, setSearch] = useState('');
  const { data } = useQuery(baseModelsQuery);
  const models = usableFirst(data ?? []);
  const byName = new Map(models.map((model) => [model.name, model]));
  const typed = [...new Set([value, search.trim()])].filter((name) => name !== '' && !byName.has(name));
  const groups = [
    { group: 'Can be used', items: namesOf(models, true) },
    { group: 'Cannot be used as they are', items: namesOf(models, false) },
    { group: 'By another name', items: typed },
  ];
  return (
    <Stack gap={4}>
      <Select
        {...props}
        searchable
        searchValue={search}
        onSearchChange={setSearch}
        data={groups.filter(({ items }) => items.length > 0)}
        value={value === '' ? null : value}
        onChange={(name) => onChange(name ?? '')}
        allowDeselect={false}
        maxDropdownHeight={320}
        nothingFoundMessage="There is none"
        renderOption={({ option }) => <Option name={option.value} model={byName.get(option.value)} />}
      />
      {value !== '' && props.error === undefined && <State name={value} />}
    </Stack>
  );
}

function namesOf(models: BaseModel[], available: boolean): string[] {
  return models.filter((model) => model.available === available).map(({ name }) => name);
}

function Option({ name, model }: { name: string; model: BaseModel | undefined }) {
  const more =
    model === undefined
      ? 'ORG/NAME, ORG/NAME@REVISION, a directory, or a name of Ollama'
      : model.available
        ? factsOf(model)
        : model.errors[0];
  return (
    <div>
      <UserText inline>{name}</UserText>
      <Text size="xs">{more}</Text>
    </div>
  );
}

/** What is known of the chosen one, or why it cannot be used. */
function State({ name }: { name: string }) {
  const { model, errors } = useModelState(name);
  if (errors.length > 0)
    return (
      <Text size="sm" role="status" component="div">
        <UserText>{errors.join(' ')}</UserText>
      </Text>
    );
  return model === undefined ? null : <Text size="sm">{factsOf(model)}</Text>;
}

/** Whether a model can be used; `isUsable` is null while that is not known. By another name than in the list the service is asked. */
export function useModelState(name: string): {
  model: BaseModel | undefined;
  isUsable: boolean | null;
  errors: string[];
} {
  const { data: listed } = useQuery(baseModelsQuery);
  const model = listed?.find((candidate) => candidate.name === name);
  const isAsked = name !== '' && listed !== undefined && model === undefined;
  const { data: asked } = useQuery({ ...availabilityQuery(name), enabled: isAsked });
  if (model !== undefined) return { model, isUsable: model.available, errors: model.errors };
  return { model, isUsable: isAsked && asked ? asked.available : null, errors: asked?.errors ?? [] };
}
