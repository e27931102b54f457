import { NativeSelect, Stack, TextInput } from '@mantine/core';
import { PRIORITIES, type WhenDraft, type WhenPlace } from './when.ts';

/** When a run, or each of several, is to begin. */
export function WhenFields({
  draft,
  onChange,
  at,
}: {
  draft: WhenDraft;
  onChange: (draft: WhenDraft) => void;
  /** What is wrong with a field. */
  at: (place: WhenPlace | 'priority') => string | undefined;
}) {
  return (
    <Stack gap="sm">
      <NativeSelect
        label="Priority"
        description="It goes before all that wait with a lower one. A run that trains is not interrupted."
        data={[...PRIORITIES]}
        value={draft.priority}
        onChange={(event) => {
          const priority = PRIORITIES.find((each) => each === event.currentTarget.value);
          if (priority !== undefined) onChange({ ...draft, priority });
        }}
        error={at('priority')}
      />
      <TextInput
        label="Not before"
        description="A day and a time of your zone before which it does not begin; empty: at any time."
        type="datetime-local"
        value={draft.notBefore}
        onChange={(event) => onChange({ ...draft, notBefore: event.currentTarget.value })}
        error={at('not_before')}
      />
      <TextInput
        label="After"
        description="It begins once the latest run of that is completed: job-3 or project-2; empty: after nothing."
        value={draft.after}
        onChange={(event) => onChange({ ...draft, after: event.currentTarget.value })}
        error={at('after')}
        autoComplete="off"
      />
    </Stack>
  );
}
