import '../new.css';
import { Button, Fieldset, Grid, Group, NativeSelect, Stack, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useLocation } from 'wouter';
import { newKey } from '../../../api/idempotency.ts';
import { documentQuery, fieldsOf } from '../../../api/request-fields.ts';
import { createSweep, sweepsKey } from '../../../api/sweeps.ts';
import { Allowed } from '../../../parts/allowed.tsx';
import { ModelSelect } from '../../../parts/base-models/model-select.tsx';
import { Folded } from '../../../parts/folded.tsx';
import { Problem } from '../../../parts/problem.tsx';
import { problemsOfWhen } from '../../../parts/queue/when.ts';
import { WhenFields } from '../../../parts/queue/when-fields.tsx';
import { Screen } from '../../../parts/screen.tsx';
import { TrackerFields } from '../../../parts/trackers/tracker-fields.tsx';
import { DatasetSelect } from '../dataset-select.tsx';
import { TRAINING_TYPES } from '../training-types.ts';
import { Traits } from '../traits.tsx';
import { EMPTY, placesIn, requestOf, type SweepDraft, turnedTo } from './draft.ts';
import { MixtureFields } from './mixture-fields.tsx';
import { SweepPlanPanel } from './sweep-plan.tsx';
import { SweptFields } from './swept-fields.tsx';
import { useSweepPlan } from './use-sweep-plan.ts';

/** Types of which the runs have a held-out loss to compare. */
const TYPES = (Object.keys(TRAINING_TYPES) as SweepDraft['type'][]).filter((type) => type !== 'rag');

/** The form of a new sweep, of a job or of a project over mixtures, with its plan beside it. The service checks it; what it refuses stands at its field. */
export default function NewSweep() {
  const [draft, setDraft] = useState(EMPTY);
  const [key, setKey] = useState(newKey);
  const [, navigate] = useLocation();
  const queries = useQueryClient();
  const { data: document, error: unread } = useQuery(documentQuery);
  const filters = useMemo(
    () => (document ? fieldsOf(document, 'ProjectCreate', 'traits', 'datasets', 'filters') : {}),
    [document],
  );
  const plan = useSweepPlan(draft, filters);
  const { mutate, error, isPending, reset } = useMutation({
    mutationFn: () => createSweep(requestOf(draft, filters), key),
    onSuccess: async ({ id }) => {
      await queries.invalidateQueries({ queryKey: sweepsKey });
      navigate(`/sweeps/${id}`);
    },
  });
  // Another draft is another request: sent again, it is created beside the first.
  const change = (changes: Partial<SweepDraft>) => {
    setDraft({ ...draft, ...changes });
    setKey(newKey());
    reset();
  };
  const refused = error ?? (plan.isOld ? null : plan.error);
  const places = refused ? placesIn(refused.message, draft) : [];
  const at = (name: string) => (places.includes(name) ? refused?.message : undefined);
  const names = document ? Object.keys(fieldsOf(document, 'SweepCreate', 'search', 'hyperparameters')) : [];
  const input = (name: 'name' | 'maxSteps' | 'maxRows' | 'outputDirectory' | 'runs' | 'rungs' | 'atATime') => ({
    value: draft[name],
    onChange: (event: { currentTarget: { value: string } }) => change({ [name]: event.currentTarget.value }),
    error: at(name),
    autoComplete: 'off',
  });
  return (
    <Screen title="New sweep">
      <Problem error={unread} title="The form cannot be shown" />
      <Problem error={error} title="It was not created" />
      <Allowed needs="trainer">
        <Grid gap="xl">
          <Grid.Col span={{ base: 12, lg: 6 }}>
            <Stack component="form" gap="lg" onSubmit={(event) => event.preventDefault()}>
              <TextInput label="Name" required maxLength={255} {...input('name')} />
              <NativeSelect
                label="Each run is"
                data={[
                  { value: 'job', label: 'a job: one dataset, with other settings each' },
                  { value: 'project', label: 'a project: with another mixture of datasets each' },
                ]}
                value={draft.of}
                onChange={(event) => change(turnedTo(event.currentTarget.value === 'job' ? 'job' : 'project', draft))}
              />
              {draft.of === 'job' ? (
                <DatasetSelect
                  label="Dataset"
                  value={draft.datasetId}
                  onChange={(datasetId) => change({ datasetId })}
                  error={at('datasetId')}
                />
              ) : (
                <Fieldset legend="Datasets of all mixtures" miw={0}>
                  <Traits
                    traits={draft.traits}
                    onChange={(traits) => change({ traits })}
                    filters={filters}
                    withoutShares
                    at={at}
                  />
                </Fieldset>
              )}
              <ModelSelect
                label="Base model"
                description="What all runs are trained on."
                placeholder="That of the settings"
                value={draft.model}
                onChange={(model) => change({ model })}
                error={at('model')}
              />
              <NativeSelect
                label="Training type"
                description={TRAINING_TYPES[draft.type].about}
                data={TYPES}
                value={draft.type}
                onChange={(event) => {
                  const type = TYPES.find((each) => each === event.currentTarget.value);
                  if (type !== undefined) change({ type });
                }}
                error={at('type')}
              />
              <TextInput
                label="Most steps"
                description="Of each run; empty: as many as its epochs have."
                inputMode="numeric"
                {...input('maxSteps')}
              />
              {draft.of === 'project' && (
                <>
                  <TextInput
                    label="Most rows"
                    description="Of each mixture; empty: that of the settings."
                    inputMode="numeric"
                    {...input('maxRows')}
                  />
                  <TextInput
                    label="Output directory"
                    description="Where the models go, each into a folder of its own below it."
                    {...input('outputDirectory')}
                  />
                </>
              )}
              <Fieldset legend="What the runs have each" miw={0}>
                <Stack>
                  <NativeSelect
                    label="Method"
                    data={[
                      { value: 'grid', label: 'grid: every combination' },
                      { value: 'random', label: 'random: so many that are drawn' },
                    ]}
                    value={draft.method}
                    onChange={(event) => change({ method: event.currentTarget.value === 'grid' ? 'grid' : 'random' })}
                  />
                  {draft.of === 'project' && (
                    <MixtureFields
                      traits={draft.traits}
                      mixtures={draft.mixtures}
                      onChange={(mixtures) => change({ mixtures })}
                      at={at}
                    />
                  )}
                  {draft.method === 'random' && <TextInput label="Runs" inputMode="numeric" {...input('runs')} />}
                  <SweptFields draft={draft} names={names} onChange={(fields) => change({ fields })} at={at} />
                </Stack>
              </Fieldset>
              <TextInput
                label="Rungs"
                description="Steps, with commas between them, at each of which the worse half is stopped. Empty: all train to their end."
                {...input('rungs')}
              />
              <TextInput label="Runs at a time" inputMode="numeric" {...input('atATime')} />
              <TrackerFields
                chosen={draft.trackers}
                onChange={(trackers) => change({ trackers })}
                error={at('trackers')}
              />
              <Folded label="When its runs begin">
                <WhenFields
                  draft={draft.when}
                  onChange={(when) => change({ when })}
                  at={(place) =>
                    problemsOfWhen(draft.when).find((problem) => problem.place === place)?.sentence ?? at(place)
                  }
                />
              </Folded>
            </Stack>
          </Grid.Col>
          <Grid.Col span={{ base: 12, lg: 6 }}>
            <Stack className="in-sight">
              <SweepPlanPanel state={plan} />
              <Group>
                <Button onClick={() => mutate()} loading={isPending} disabled={plan.missing.length > 0}>
                  Begin the sweep
                </Button>
              </Group>
            </Stack>
          </Grid.Col>
        </Grid>
      </Allowed>
    </Screen>
  );
}
