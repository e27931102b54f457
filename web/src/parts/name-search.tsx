import { TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { useState } from 'react';
import { useChangeAddress, useParam } from './address.ts';

const TYPE_AFTER_MS = 250;

/** Searches a list by part of a name, which stands in the address as `param`; the first page of what is found is shown then. */
export function NameSearch({ label = 'Name', param = 'name' }: { label?: string; param?: string }) {
  const [typed, setTyped] = useState(useParam(param));
  const change = useChangeAddress();
  const search = useDebouncedCallback(
    (text: string) => change({ page: null, [param]: text.trim() || null }),
    TYPE_AFTER_MS,
  );
  return (
    <TextInput
      label={label}
      placeholder="Part of it"
      type="search"
      value={typed}
      onChange={(event) => {
        setTyped(event.currentTarget.value);
        search(event.currentTarget.value);
      }}
    />
  );
}
