import { Button, Checkbox, Group, Slider, Stack, TextInput } from '@mantine/core';
import { type KeyboardEvent, useEffect, useRef, useState } from 'react';
import type { RequestFields } from '../../api/request-fields.ts';
import { FieldInput } from '../../parts/fields/field-input.tsx';
import { labelOf } from '../../parts/fields/values.ts';
import { Folded } from '../../parts/folded.tsx';
import { DatasetSelect } from './dataset-select.tsx';
import { type ShareDraft, withValue } from './draft.ts';
import { moved, removed, thousandthsOf, WHOLE } from './shares.ts';

interface ShareRowProps {
  shares: ShareDraft[];
  index: number;
  onChange: (shares: ShareDraft[]) => void;
  label: string;
  filters: RequestFields;
  /** The share is asked for elsewhere. */
  withoutShare?: boolean | undefined;
  error: string | undefined;
}

/** A dataset of a trait with its share, which moves the others. */
export function ShareRow({ shares, index, onChange, label, filters, withoutShare = false, error }: ShareRowProps) {
  const share = shares[index];
  // A pointer passes many values on its way: all of them are in proportion to what there was when it set out.
  const before = useRef<ShareDraft[] | null>(null);
  if (share === undefined) return null;
  const put = (changes: Partial<ShareDraft>) =>
    onChange(shares.map((each, place) => (place === index ? { ...each, ...changes } : each)));
  const slide = (percent: number) => {
    before.current ??= shares;
    onChange(moved(before.current, index, percent * 1000));
  };
  const type = (thousandths: number) =>
    onChange(
      moved(shares, index, thousandths).map((each, place) => (place === index ? { ...each, isHeld: true } : each)),
    );
  const filterCount = Object.keys(share.filters).length;
  return (
    <Stack gap="xs" className="share">
      <DatasetSelect label={label} value={share.datasetId} onChange={(datasetId) => put({ datasetId })} error={error} />
      {shares.length > 1 && (
        <Group gap="sm" align="center">
          {!withoutShare && (
            <>
              <Slider
                flex={1}
                miw={140}
                value={share.thousandths / 1000}
                onChange={slide}
                onChangeEnd={() => {
                  before.current = null;
                }}
                label={null}
                thumbLabel={`Share of ${label}`}
                thumbValueText={`${share.thousandths / 1000} percent`}
                thumbSize={24}
              />
              <TypedShare thousandths={share.thousandths} label={label} onType={type} />
              <Checkbox
                label="Hold"
                aria-label={`Hold the share of ${label} while others move`}
                checked={share.isHeld}
                onChange={(event) => put({ isHeld: event.currentTarget.checked })}
              />
            </>
          )}
          <Button
            variant="default"
            size="compact-sm"
            aria-label={`Take away ${label}`}
            onClick={() => onChange(removed(shares, index))}
          >
            Take away
          </Button>
        </Group>
      )}
      <Folded label={filterCount === 0 ? 'Leave rows out' : `Rows that are left out (${filterCount} rules)`} of={label}>
        <Stack gap="xs">
          {Object.values(filters).map((field) => (
            <FieldInput
              key={field.name}
              field={field}
              label={`${labelOf(field.name)}, ${label}`}
              value={share.filters[field.name] ?? ''}
              onChange={(value) => put({ filters: withValue(share.filters, field.name, value) })}
            />
          ))}
        </Stack>
      </Folded>
    </Stack>
  );
}

/** A share as a number: taken when it is typed to its end. */
function TypedShare({
  thousandths,
  label,
  onType,
}: {
  thousandths: number;
  label: string;
  onType: (thousandths: number) => void;
}) {
  const [text, setText] = useState(String(thousandths / 1000));
  const read = thousandthsOf(text);
  useEffect(() => setText(String(thousandths / 1000)), [thousandths]);
  const take = () => {
    if (read !== null && read !== thousandths) onType(read);
  };
  return (
    <TextInput
      w={110}
      aria-label={`Share of ${label} in percent`}
      inputMode="decimal"
      rightSection="%"
      value={text}
      onChange={(event) => setText(event.currentTarget.value)}
      onBlur={take}
      onKeyDown={(event: KeyboardEvent) => event.key === 'Enter' && take()}
      error={read === null ? `0.001 to ${WHOLE / 1000}` : undefined}
    />
  );
}
