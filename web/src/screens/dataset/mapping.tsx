import { Alert, Button, Fieldset, Group, NativeSelect, SimpleGrid, Stack, Text } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { changeDataset, datasetsKey } from '../../api/datasets.ts';
import type { Dataset, Mapping } from '../../api/types.ts';
import { useChangeAddress, useParam } from '../../parts/address.ts';
import { Problem } from '../../parts/problem.tsx';
import { shown } from '../../parts/user-text.tsx';
import { MappingCheck } from './mapping-check.tsx';
import { isSame, isWhole, KINDS, kindOf, type MappingKind, PARTS, wordsOf } from './mapping-kinds.ts';

/** Which columns make a conversation: chosen here, tried on every row at once, and kept when it is saved. */
export function MappingTab({ dataset }: { dataset: Dataset }) {
  const { id, mapping: own, alternatives } = dataset;
  const { kind, draft, setDraft, forget } = useDraft(own ?? {});
  const whole = isWhole(kind, draft);
  const isNew = own === null || !isSame(own, draft);
  const queries = useQueryClient();
  const { mutate, error, isPending, isSuccess, reset } = useMutation({
    mutationFn: () => changeDataset(id, { mapping: draft }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: datasetsKey });
      forget();
    },
  });
  const choose = (nextKind: MappingKind, mapping: Mapping) => {
    reset();
    setDraft(nextKind, mapping);
  };
  return (
    <Stack>
      {own === null && (
        <Alert color="yellow" variant="light" role="note" title="Its rows are no conversations yet">
          Nothing in the names and contents of its columns says what they are. Say it here.
        </Alert>
      )}
      <NativeSelect
        label="What a row is"
        maw={460}
        value={kind.name}
        data={KINDS.map(({ name, says }) => ({ value: name, label: says }))}
        onChange={({ currentTarget: { value } }) => {
          const next = KINDS.find(({ name }) => name === value);
          if (next) choose(next, partsOf(next, draft, columnsOf(dataset)));
        }}
      />
      {alternatives.length > 0 && (
        <Group gap="xs">
          <Text size="sm">These fit most rows as well:</Text>
          {alternatives.map((other) => (
            <Button
              key={wordsOf(other)}
              size="compact-sm"
              variant="default"
              onClick={() => choose(kindOf(other), other)}
            >
              {shown(wordsOf(other))}
            </Button>
          ))}
        </Group>
      )}
      <Parts
        legend="What it needs"
        parts={kind.required}
        none="Choose a column"
        {...{ dataset, draft }}
        onChange={(next) => choose(kind, next)}
      />
      <details open={kind.optional.some((part) => part in draft)}>
        <summary>What it may have besides ({kind.optional.length})</summary>
        <Parts
          legend="What it may have"
          parts={kind.optional}
          none="no column"
          {...{ dataset, draft }}
          onChange={(next) => choose(kind, next)}
        />
      </details>
      {whole && <MappingCheck id={id} mapping={draft} columns={columnsOf(dataset)} />}
      <Problem error={error} title="It cannot be saved" />
      <Group>
        <Button disabled={!whole || !isNew} loading={isPending} onClick={() => mutate()}>
          Save this mapping
        </Button>
        {isNew && own !== null && (
          <Button variant="default" onClick={() => choose(kindOf(own), own)}>
            Back to the one that it has
          </Button>
        )}
        <Text role="status" size="sm">
          {isSuccess && !isNew
            ? 'Saved. Runs that were asked for before keep the one that they were asked for with.'
            : ''}
        </Text>
      </Group>
    </Stack>
  );
}

interface PartsProps {
  legend: string;
  parts: string[];
  /** What stands for no column. */
  none: string;
  dataset: Dataset;
  draft: Mapping;
  onChange: (draft: Mapping) => void;
}

function Parts({ legend, parts, none, dataset, draft, onChange }: PartsProps) {
  const columns = columnsOf(dataset);
  const choose = (part: string, column: string) => {
    const { [part]: _, ...others } = draft;
    onChange(column === '' ? others : { ...others, [part]: column });
  };
  return (
    <Fieldset legend={legend}>
      <SimpleGrid cols={{ base: 1, xs: 2, md: 3 }}>
        {parts.map((part) => (
          <NativeSelect
            key={part}
            label={part}
            description={PARTS[part]}
            value={draft[part] ?? ''}
            data={[{ value: '', label: none }, ...columns.map((column) => ({ value: column, label: shown(column) }))]}
            onChange={({ currentTarget: { value } }) => choose(part, value)}
          />
        ))}
      </SimpleGrid>
    </Fieldset>
  );
}

/** The API has them as JSON in a text. */
function columnsOf({ columns }: Dataset): string[] {
  return JSON.parse(columns) as string[];
}

/** What a mapping has for another kind; what that needs is taken from columns of the same name. */
function partsOf({ required, optional }: MappingKind, mapping: Mapping, columns: string[]): Mapping {
  const named = required.filter((part) => columns.includes(part)).map((part) => [part, part] as const);
  const kept = Object.entries(mapping).filter(([part]) => required.includes(part) || optional.includes(part));
  return Object.fromEntries([...named, ...kept]);
}

/** What is chosen stands in the address until it is saved: it survives a reload, and can be sent to somebody. */
function useDraft(own: Mapping) {
  const change = useChangeAddress();
  const draft = mappingIn(useParam('mapping')) ?? own;
  const named = useParam('kind');
  const kind = KINDS.find(({ name }) => name === named) ?? kindOf(draft);
  const setDraft = (nextKind: MappingKind, mapping: Mapping) =>
    change({
      kind: nextKind === kindOf(own) ? null : nextKind.name,
      mapping: isSame(mapping, own) ? null : JSON.stringify(mapping),
    });
  const forget = () => change({ kind: null, mapping: null });
  return { kind, draft, setDraft, forget };
}

/** What an address has as a mapping; null where that is none. */
function mappingIn(text: string): Mapping | null {
  try {
    const read: unknown = JSON.parse(text);
    const isMapping =
      typeof read === 'object' && read !== null && Object.values(read).every((column) => typeof column === 'string');
    return isMapping ? (read as Mapping) : null;
  } catch {
    return null;
  }
}
