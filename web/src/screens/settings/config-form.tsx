import { Box, Button, Group, SimpleGrid, Stack, Text } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useEffect, useRef, useState } from 'react';
import type { RequestField, RequestFields } from '../../api/request-fields.ts';
import { configQuery } from '../../api/service.ts';
import { type Config, type ConfigChanges, changeConfig } from '../../api/settings.ts';
import { useParam } from '../../parts/address.ts';
import { ModelSelect } from '../../parts/base-models/model-select.tsx';
import { FieldInput, INPUT_ORDER } from '../../parts/fields/field-input.tsx';
import { labelOf, readField, textOf } from '../../parts/fields/values.ts';
import { Problem } from '../../parts/problem.tsx';

/** The settings that can be changed while the service runs. What nobody touched is not sent. */
export function ConfigForm({ config, fields }: { config: Config; fields: RequestFields }) {
  const [typed, setTyped] = useState<Record<string, string>>({});
  const form = useFocusOnAsked();
  const queries = useQueryClient();
  const { mutate, error, isPending, isSuccess, reset } = useMutation({
    mutationFn: changeConfig,
    onSuccess: (changed) => {
      queries.setQueryData(configQuery.queryKey, changed);
      setTyped({});
    },
  });
  const nowOf = (name: string) => (name in config ? textOf(config[name as keyof Config]) : '');
  const changes = Object.entries(typed).filter(([name, text]) => text.trim() !== nowOf(name));
  const { values, isWrong } = readAll(changes, fields);
  const send = (event: FormEvent) => {
    event.preventDefault();
    // Read by the fields of this very request.
    if (!isWrong && changes.length > 0) mutate(values as ConfigChanges);
  };
  return (
    <form ref={form} onSubmit={send} aria-label="Defaults and limits">
      <Stack maw={760}>
        <SimpleGrid cols={{ base: 1, sm: 2 }}>
          {Object.values(fields).map((field) => (
            <Box key={field.name} data-setting={field.name}>
              <Setting
                field={field}
                value={typed[field.name] ?? nowOf(field.name)}
                onChange={(text) => {
                  reset();
                  setTyped((before) => ({ ...before, [field.name]: text }));
                }}
                error={error?.message.includes(`${field.name} is `) ? error.message : undefined}
              />
            </Box>
          ))}
        </SimpleGrid>
        <Problem error={error} title="Nothing was changed" />
        <Group>
          <Button type="submit" loading={isPending}>
            Save
          </Button>
          <Text size="sm" role="status">
            {isSuccess
              ? 'Saved.'
              : changes.length === 0
                ? 'Nothing is changed.'
                : `${changes.length} changed, not saved yet.`}
          </Text>
        </Group>
      </Stack>
    </form>
  );
}

interface SettingProps {
  field: RequestField;
  value: string;
  onChange: (text: string) => void;
  error: string | undefined;
}

function Setting({ field, ...props }: SettingProps) {
  const label = labelOf(field.name);
  if (field.name !== 'default_model') return <FieldInput field={field} label={label} isSet {...props} />;
  return (
    <ModelSelect
      label={label}
      description={field.description}
      placeholder="ORG/NAME"
      inputWrapperOrder={INPUT_ORDER}
      {...props}
    />
  );
}

/** The setting that the address names, `?field=default_model`, has the focus when the screen is shown. For the form around them. */
function useFocusOnAsked() {
  const asked = useParam('field');
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    const field = form.current?.querySelector(`[data-setting="${CSS.escape(asked)}"]`);
    field?.querySelector<HTMLElement>('input, select, textarea')?.focus();
  }, [asked]);
  return form;
}

/** What is to be changed. An empty field is sent as it is: only the learning rate can be without one, and then each training type has its own. */
function readAll(
  changes: [string, string][],
  fields: RequestFields,
): { values: Record<string, unknown>; isWrong: boolean } {
  const read = changes.map(
    ([name, text]) => [name, fields[name] === undefined ? null : readField(fields[name], text)] as const,
  );
  return {
    values: Object.fromEntries(
      read.map(([name, value]) => [name, value !== null && 'value' in value ? value.value : null]),
    ),
    isWrong: read.some(([, value]) => value !== null && 'problem' in value),
  };
}
