import { Button, Group, List, Stack, Text, Title } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { runsKey } from '../../api/runs.ts';
import type { Project } from '../../api/types.ts';
import { changeGate } from '../../api/versions.ts';
import { Allowed } from '../../parts/allowed.tsx';
import {
  type ConditionDraft,
  conditionIn,
  conditionsOf,
  gateOf,
  problemOf,
  sentenceOf,
} from '../../parts/gate/gate.ts';
import { GateFields } from '../../parts/gate/gate-fields.tsx';
import { Problem } from '../../parts/problem.tsx';

/** What must hold for a version of a project to become the latest by itself, and the form that changes it. */
export function Gate({ project }: { project: Project }) {
  // Null: nobody changes it.
  const [conditions, setConditions] = useState<ConditionDraft[] | null>(null);
  if (project.training_type === 'rag') return null;
  const now = conditionsOf(project.gate);
  return (
    <Stack gap="sm" component="section" aria-labelledby="gate">
      <Title order={2} size="h4" id="gate">
        Gate
      </Title>
      {conditions === null ? (
        <>
          <Shown conditions={now} />
          <Allowed needs="trainer" silently>
            <Button w="fit-content" size="compact-sm" variant="default" onClick={() => setConditions(now)}>
              {now.length === 0 ? 'Set a gate' : 'Change the gate'}
            </Button>
          </Allowed>
        </>
      ) : (
        <Form project={project} conditions={conditions} onChange={setConditions} onEnd={() => setConditions(null)} />
      )}
    </Stack>
  );
}

function Shown({ conditions }: { conditions: ConditionDraft[] }) {
  if (conditions.length === 0) return <Text>There is none: each run that completes becomes the latest version.</Text>;
  return (
    <List>
      {conditions.map((condition) => (
        <List.Item key={condition.key}>{sentenceOf(condition)}</List.Item>
      ))}
    </List>
  );
}

interface FormProps {
  project: Project;
  conditions: ConditionDraft[];
  onChange: (conditions: ConditionDraft[]) => void;
  onEnd: () => void;
}

function Form({ project, conditions, onChange, onEnd }: FormProps) {
  const queries = useQueryClient();
  const { mutate, error, isPending, reset } = useMutation({
    mutationFn: () => changeGate(project.id, gateOf(conditions) ?? null),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: runsKey });
      onEnd();
    },
  });
  const refused = error === null ? undefined : conditionIn(error.message, conditions);
  const errorOf = (condition: ConditionDraft) =>
    problemOf(condition) ?? (condition === refused ? error?.message : undefined);
  const isNone = conditions.length === 0;
  return (
    <Stack gap="sm">
      <GateFields
        conditions={conditions}
        onChange={(changed) => {
          reset();
          onChange(changed);
        }}
        traits={project.traits.map(({ trait_type }) => trait_type)}
        errorOf={errorOf}
      />
      <Text size="sm">
        It counts for runs that are validated from now on. What it found of earlier versions stays as it is.
      </Text>
      {refused === undefined && <Problem error={error} title="The gate was not changed" />}
      <Group>
        <Button
          loading={isPending}
          disabled={conditions.some((condition) => problemOf(condition) !== null)}
          onClick={() => mutate()}
        >
          {isNone && project.gate !== null ? 'Remove the gate' : 'Save the gate'}
        </Button>
        <Button variant="default" onClick={onEnd}>
          Leave it as it is
        </Button>
      </Group>
    </Stack>
  );
}
