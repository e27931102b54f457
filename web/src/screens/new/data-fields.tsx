import { Fieldset, SimpleGrid, Stack } from '@mantine/core';
import { FieldInput } from '../../parts/fields/field-input.tsx';
import { DatasetSelect } from './dataset-select.tsx';
import { type Draft, type Ground, withValue } from './draft.ts';
import { Traits } from './traits.tsx';

interface DataFieldsProps {
  draft: Draft;
  change: (changes: Partial<Draft>) => void;
  ground: Ground;
  at: (place: string) => string | undefined;
}

/** What is trained on: of a job one dataset, of a project traits and how their rows are mixed. */
export function DataFields({ draft, change, ground, at }: DataFieldsProps) {
  if (draft.kind === 'job')
    return (
      <>
        <DatasetSelect
          label="Dataset"
          value={draft.datasetId}
          onChange={(datasetId) => change({ datasetId })}
          error={at('dataset')}
        />
        {draft.type !== 'rag' && (
          <DatasetSelect
            label="Validation dataset"
            placeholder="None: some rows of the dataset are held out"
            value={draft.validationDatasetId}
            onChange={(validationDatasetId) => change({ validationDatasetId })}
            onClear={() => change({ validationDatasetId: null })}
            error={at('validation dataset')}
          />
        )}
      </>
    );
  const { max_rows: maxRows } = ground.fields;
  return (
    <>
      <Fieldset legend="Traits" miw={0}>
        <Traits traits={draft.traits} onChange={(traits) => change({ traits })} filters={ground.filters} at={at} />
      </Fieldset>
      <Fieldset legend="Mixture" miw={0}>
        <Stack>
          {maxRows && (
            <FieldInput
              field={maxRows}
              value={draft.maxRows}
              onChange={(value) => change({ maxRows: value })}
              error={at('max_rows')}
            />
          )}
          <SimpleGrid cols={{ base: 1, sm: 2 }}>
            {Object.values(ground.mixing).map((field) => (
              <FieldInput
                key={field.name}
                field={field}
                value={draft.mixing[field.name] ?? ''}
                onChange={(value) => change({ mixing: withValue(draft.mixing, field.name, value) })}
                error={at(field.name)}
              />
            ))}
          </SimpleGrid>
        </Stack>
      </Fieldset>
    </>
  );
}
