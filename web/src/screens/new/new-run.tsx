import './new.css';
import { Alert, Anchor } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'wouter';
import { availabilityQuery, type BaseModel, baseModelsQuery } from '../../api/base-models.ts';
import { documentQuery, fieldsOf } from '../../api/request-fields.ts';
import { ownerQuery } from '../../api/runs.ts';
import { configQuery } from '../../api/service.ts';
import type { RunOwner } from '../../api/types.ts';
import { useParam } from '../../parts/address.ts';
import { Allowed } from '../../parts/allowed.tsx';
import { usableFirst } from '../../parts/base-models/facts.ts';
import { Problem } from '../../parts/problem.tsx';
import { startIn, startText } from '../../parts/runs/starts.ts';
import { Screen } from '../../parts/screen.tsx';
import { type Draft, emptyDraft, type Ground, type Kind } from './draft.ts';
import { draftOf } from './draft-of.ts';
import { Form } from './form.tsx';

/**
 * A new job or project: from nothing, or from an existing one that the address names (`?from=job-3`), and maybe from a checkpoint of that
 * (`&starts=1-100`: of its run 1, at step 100).
 */
export default function NewRun({ kind }: { kind: Kind }) {
  const from = useParam('from');
  const source = sourceOf(from);
  const starts = useParam('starts');
  const start = source && startIn(starts, source);
  const begin = (ground: Ground, suggestion: string): Draft => {
    if (!again.data || !source) return emptyDraft(kind, ground, suggestion);
    const draft = draftOf(again.data, ground);
    return start === null ? draft : { ...draft, startsFrom: start };
  };
  const again = useQuery({ ...ownerQuery(source ?? { kind, id: 0 }), enabled: source?.kind === kind });
  const { ground, suggestion, error } = useGround(kind);
  const isReady = ground !== null && suggestion !== null && (source === null || again.data !== undefined);
  return (
    <Screen title={from === '' ? `New ${kind}` : start === null ? 'Again with changes' : 'Fork'}>
      <Problem error={error ?? again.error} title="The form cannot be shown" />
      {from !== '' && source?.kind !== kind ? (
        <Alert color="yellow">
          {from} is no {kind} to begin from.{' '}
          <Anchor component={Link} href={`/new/${kind}`} c="inherit">
            Begin from nothing
          </Anchor>
        </Alert>
      ) : (
        isReady && (
          <Allowed needs="trainer">
            <Begun
              key={`${kind} ${from} ${starts}`}
              name={{ kind, from: start !== null ? startText(start) : from === '' ? null : from }}
              begin={() => begin(ground, suggestion)}
              ground={ground}
            />
          </Allowed>
        )
      )}
    </Screen>
  );
}

/** What the draft began with stays the same while it is changed, whatever is read again. */
function Begun({
  name,
  begin,
  ground,
}: {
  name: { kind: Kind; from: string | null };
  begin: () => Draft;
  ground: Ground;
}) {
  const [initial] = useState(begin);
  return <Form name={name} initial={initial} ground={ground} />;
}

function sourceOf(from: string): RunOwner | null {
  const [, kind, id] = /^(job|project)-([1-9]\d{0,9})$/.exec(from) ?? [];
  return kind === 'job' || kind === 'project' ? { kind, id: Number(id) } : null;
}

/** What a form is made from, and a base model to begin with; null until all of it is there. */
function useGround(kind: Kind): { ground: Ground | null; suggestion: string | null; error: Error | null } {
  const document = useQuery(documentQuery);
  const config = useQuery(configQuery);
  const models = useQuery(baseModelsQuery);
  const standard = config.data?.default_model ?? '';
  const availability = useQuery({ ...availabilityQuery(standard), enabled: standard !== '' });
  const error = document.error ?? config.error ?? models.error ?? availability.error;
  if (!document.data || !config.data || !models.data || !availability.data)
    return { ground: null, suggestion: null, error };
  const component = kind === 'job' ? 'JobCreate' : 'ProjectCreate';
  const fields = fieldsOf(document.data, component);
  const kept = Object.entries(fieldsOf(document.data, 'Job', 'hyperparameters'));
  const ground = {
    // As they are asked for: in place of a number there may be a word.
    hyperparameters: Object.fromEntries(kept.map(([name, field]) => [name, fields[name] ?? field])),
    fields,
    mixing: fieldsOf(document.data, 'ProjectCreate', 'mixing'),
    filters: fieldsOf(document.data, 'ProjectCreate', 'traits', 'datasets', 'filters'),
    config: config.data,
  };
  return { ground, suggestion: suggestedModel(models.data, standard, availability.data.available), error };
}

/** The default of the settings where it can be used, or else the first one that can. */
function suggestedModel(models: BaseModel[], standard: string, isStandardUsable: boolean): string {
  if (isStandardUsable) return standard;
  return usableFirst(models).find(({ available }) => available)?.name ?? standard;
}
