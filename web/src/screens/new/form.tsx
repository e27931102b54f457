import { Alert, Button, Fieldset, Grid, Group, Radio, Stack, Text, Textarea, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useLocation } from 'wouter';
import { create } from '../../api/new-runs.ts';
import { runsKey } from '../../api/runs.ts';
import { FetchFirst } from '../../parts/base-models/fetch-first.tsx';
import { ModelSelect } from '../../parts/base-models/model-select.tsx';
import { Folded } from '../../parts/folded.tsx';
import { GateFields } from '../../parts/gate/gate-fields.tsx';
import { WhenFields } from '../../parts/queue/when-fields.tsx';
import { addressOf } from '../../parts/runs/owners.ts';
import { startText } from '../../parts/runs/starts.ts';
import { TrackerFields } from '../../parts/trackers/tracker-fields.tsx';
import { DataFields } from './data-fields.tsx';
import { Differences } from './differences-shown.tsx';
import type { Draft, Ground, TrainingType } from './draft.ts';
import { Hyperparameters } from './hyperparameters.tsx';
import { PlanPanel } from './plan-panel.tsx';
import { inSecond, placesIn, problemsOf } from './problems.ts';
import { outputDirectoryOf, requestOf } from './request.ts';
import { RequestShown } from './request-shown.tsx';
import { SecondPart } from './second-part.tsx';
import { type Refusal, RefusalShown, Send } from './send.tsx';
import { sendKeyOf } from './send-key.ts';
import type { DraftName } from './stored-draft.ts';
import { TRAINING_TYPES } from './training-types.ts';
import { useDraft } from './use-draft.ts';
import { usePlan } from './use-plan.ts';

interface FormProps {
  name: DraftName;
  initial: Draft;
  ground: Ground;
}

/** The form of a new job or project, with its plan beside it. */
export function Form({ name, initial, ground }: FormProps) {
  const { draft, change: put, isChanged, isKept, beginAnew, forget } = useDraft(name, initial);
  const [refusal, setRefusal] = useState<Refusal | null>(null);
  // Beside the fields it is about, until something is changed.
  const [marks, setMarks] = useState<Map<string, string>>(new Map());
  const [, navigate] = useLocation();
  const queries = useQueryClient();
  const plan = usePlan(draft, ground);
  const request = requestOf(draft, ground);
  const { mutate, isPending } = useMutation({
    mutationFn: () => create(request, { key: sendKeyOf(draft, request), starts: draft.startsNow }),
    onSuccess: async (owner) => {
      forget();
      await queries.invalidateQueries({ queryKey: runsKey });
      navigate(addressOf(owner));
    },
    onError: (error) => {
      setRefusal({ error, problems: [] });
      setMarks(new Map(placesIn(error.message, draft).map((place) => [place, error.message])));
    },
  });
  const send = () => {
    const problems = problemsOf(draft, ground);
    setMarks(new Map(problems.map(({ place, sentence }) => [place, sentence])));
    if (problems.length > 0) setRefusal({ error: null, problems });
    else mutate();
  };
  const change = (changes: Partial<Draft>) => {
    if (marks.size > 0) setMarks(new Map());
    put(changes);
  };
  const wrong = new Map(
    plan.problems.filter(({ isMissing }) => !isMissing).map(({ place, sentence }) => [place, sentence]),
  );
  const at = (place: string) => marks.get(place) ?? wrong.get(place);
  return (
    <Stack>
      <RefusalShown refusal={refusal} />
      {!isKept && <Alert color="yellow">This browser keeps no drafts: a reload begins anew.</Alert>}
      <Grid gap="xl">
        <Grid.Col span={{ base: 12, lg: 7 }}>
          <Stack component="form" gap="lg" onSubmit={(event) => event.preventDefault()}>
            <TextInput
              label="Name"
              required
              value={draft.name}
              onChange={(event) => change({ name: event.currentTarget.value })}
              error={at('name')}
              maxLength={255}
            />
            <Textarea
              label="Description"
              autosize
              minRows={1}
              value={draft.description}
              onChange={(event) => change({ description: event.currentTarget.value })}
              error={at('description')}
            />
            <ModelSelect
              label="Base model"
              description="What is trained on: a model of this machine, or one of the Hugging Face hub that the run fetches first."
              placeholder={ground.config.default_model}
              value={draft.model}
              onChange={(model) => change({ model, download: false })}
              error={at('model')}
            />
            <FetchFirst model={draft.model} checked={draft.download} onChange={(download) => change({ download })} />
            <BeginsFrom draft={draft} change={change} />
            <Type draft={draft} change={change} at={at} />
            <DataFields draft={draft} change={change} ground={ground} at={at} />
            <Fieldset legend="Hyperparameters" miw={0}>
              <Hyperparameters
                draft={draft}
                fields={ground.hyperparameters}
                config={ground.config}
                onChange={(hyperparameters) => change({ hyperparameters })}
                at={at}
              />
            </Fieldset>
            {draft.kind === 'project' && draft.type !== 'rag' && (
              <>
                <SecondPart draft={draft} change={change} ground={ground} at={(place) => at(inSecond(place))} />
                <GateFields
                  conditions={draft.gate}
                  onChange={(gate) => change({ gate })}
                  traits={draft.traits.map(({ type }) => type)}
                  errorOf={({ key }) => at(`gate ${key}`)}
                />
              </>
            )}
            {draft.kind === 'project' && (
              <TextInput
                label="Output directory"
                description="Where the models of this project go: a folder under one of the service's output roots."
                placeholder={outputDirectoryOf(draft)}
                value={draft.outputDirectory}
                onChange={(event) => change({ outputDirectory: event.currentTarget.value })}
                error={at('output_directory')}
              />
            )}
            <TrackerFields
              chosen={draft.trackers}
              onChange={(trackers) => change({ trackers })}
              error={at('trackers')}
            />
            {(draft.kind === 'job' || draft.startsNow) && (
              <Folded label="When it begins">
                <WhenFields draft={draft.when} onChange={(when) => change({ when })} at={at} />
              </Folded>
            )}
          </Stack>
        </Grid.Col>
        <Grid.Col span={{ base: 12, lg: 5 }}>
          <Stack className="in-sight">
            <PlanPanel draft={draft} state={plan} />
            {name.from !== null && (
              <Differences before={requestOf(initial, ground).body} after={request.body} from={name.from} />
            )}
            <Send draft={draft} change={change} isSending={isPending} onSend={send} />
            <Folded label="The request, for scripts">
              <RequestShown request={request} starts={draft.startsNow} />
            </Folded>
            {isChanged && (
              <Group gap="xs">
                <Text size="sm">{isKept ? 'The draft is kept in this browser.' : ''}</Text>
                <Button variant="default" size="compact-sm" onClick={beginAnew}>
                  Begin anew
                </Button>
              </Group>
            )}
          </Stack>
        </Grid.Col>
      </Grid>
    </Stack>
  );
}

interface TypeProps {
  draft: Draft;
  change: (changes: Partial<Draft>) => void;
  at: (place: string) => string | undefined;
}

/** Of a fork, and of what was one. */
function BeginsFrom({ draft: { startsFrom }, change }: Pick<TypeProps, 'draft' | 'change'>) {
  if (startsFrom === null) return null;
  return (
    <Group gap="sm">
      <Text>Begins from {startText(startsFrom)}, which the base model above was trained to.</Text>
      <Button variant="default" size="compact-sm" onClick={() => change({ startsFrom: null })}>
        Begin from the base model as it is
      </Button>
    </Group>
  );
}

function Type({ draft, change, at }: TypeProps) {
  return (
    <Stack>
      <Radio.Group label="Training type" value={draft.type} onChange={(type) => change({ type: type as TrainingType })}>
        <Stack gap="xs" mt="xs">
          {Object.entries(TRAINING_TYPES).map(([type, { label, about }]) => (
            <Radio key={type} value={type} label={label} description={about} />
          ))}
        </Stack>
      </Radio.Group>
      {draft.type === 'rag' && (
        <ModelSelect
          label="Embedding model"
          description="What makes the index, where the base model writes text. Without one, that which is installed."
          placeholder="The one that is installed"
          value={draft.embeddingModel}
          onChange={(embeddingModel) => change({ embeddingModel })}
          error={at('embedding_model')}
        />
      )}
    </Stack>
  );
}
