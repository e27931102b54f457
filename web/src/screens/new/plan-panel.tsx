import { List, Stack, Text } from '@mantine/core';
import type { Plan as PlanOfDraft } from '../../api/types.ts';
import { about, count } from '../../parts/numbers.ts';
import { useDatasetNames } from '../../parts/plan/dataset-names.ts';
import { PlanRows } from '../../parts/plan/plan-rows.tsx';
import { PlanWarnings } from '../../parts/plan/plan-warnings.tsx';
import { inCommon, lengthsOf } from '../../parts/plan/plan-words.ts';
import type { Draft } from './draft.ts';
import { EstimateShown } from './estimate-shown.tsx';
import { PlanFrame } from './plan-frame.tsx';
import type { PlanState } from './use-plan.ts';

const WORDS = { before: 'What would be trained on is worked out here. Before that:', atWork: 'Worked out again' };

/** What would come of the draft as it is: rows, steps, tokens, and what is in the way. */
export function PlanPanel({ draft, state }: { draft: Draft; state: PlanState }) {
  const names = useDatasetNames(datasetsOf(draft));
  const { plan, problems, countsTokens } = state;
  return (
    <PlanFrame state={state} problems={problems} words={WORDS}>
      {plan !== null && (
        <>
          <Plan plan={plan} draft={draft} names={names} countsTokens={countsTokens} />
          {plan.followed_by && <SecondPlan plan={plan.followed_by} />}
        </>
      )}
    </PlanFrame>
  );
}

interface PlanProps {
  plan: PlanOfDraft;
  draft: Draft;
  names: Map<number, string>;
  countsTokens: boolean;
}

function Plan({ plan, draft, names, countsTokens }: PlanProps) {
  const { train_rows, held_out_rows, steps, tokens, warnings, batch } = plan;
  const rowsPerStep = batch.batch_size * batch.gradient_accumulation;
  return (
    <>
      <Text fw={600}>
        {count(train_rows)} rows to train on, {count(held_out_rows)} held out to test with
      </Text>
      <Text size="sm">
        {count(steps.total)} steps of {count(rowsPerStep)} rows: {count(steps.per_epoch)} in each epoch.
      </Text>
      {batch.reason !== null && <Text size="sm">{batch.reason}</Text>}
      {tokens !== null ? (
        <Text size="sm">
          {tokens.counted_rows < train_rows ? 'About ' : ''}
          {about(tokens.per_epoch)} tokens in each epoch
          {tokens.counted_rows < train_rows ? `, by ${count(tokens.counted_rows)} of the rows` : ''}.{lengthsOf(tokens)}
        </Text>
      ) : (
        <Text size="sm">
          {draft.type === 'rag'
            ? 'Its run cuts texts into chunks, and counts their tokens.'
            : countsTokens
              ? ''
              : 'Tokens are counted with a base model that is there.'}
        </Text>
      )}
      <PlanRows traits={plan.traits} names={names} isProject={draft.kind === 'project'} />
      <List size="sm">
        {inCommon(plan, names).map((sentence) => (
          <List.Item key={sentence}>{sentence}</List.Item>
        ))}
      </List>
      <EstimateShown estimate={plan.estimate} reason={plan.no_estimate} />
      <PlanWarnings warnings={warnings} />
    </>
  );
}

/** What the second part comes to, by itself. */
function SecondPlan({
  plan: { steps, train_rows, held_out_rows, estimate, no_estimate, warnings },
}: {
  plan: PlanOfDraft;
}) {
  return (
    <Stack gap="xs" component="section" aria-label="Plan of the second part">
      <Text fw={600}>
        Then, from what comes of it: {count(steps.total)} steps on {count(train_rows)} rows, {count(held_out_rows)} held
        out.
      </Text>
      <EstimateShown estimate={estimate} reason={no_estimate} />
      <PlanWarnings warnings={warnings} />
    </Stack>
  );
}

function datasetsOf({ datasetId, validationDatasetId, traits, followedBy }: Draft): number[] {
  const chosen = [
    datasetId,
    validationDatasetId,
    ...[...traits, ...(followedBy?.traits ?? [])].flatMap(({ shares }) => shares.map((share) => share.datasetId)),
  ];
  return chosen.filter((id) => id !== null);
}
