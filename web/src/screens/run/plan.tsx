import { List, Stack, Text } from '@mantine/core';
import type { MixturePlan } from '../../api/types.ts';
import { about, count } from '../../parts/numbers.ts';
import { useDatasetNames } from '../../parts/plan/dataset-names.ts';
import { PlanRows } from '../../parts/plan/plan-rows.tsx';
import { PlanWarnings } from '../../parts/plan/plan-warnings.tsx';
import { inCommon, lengthsOf } from '../../parts/plan/plan-words.ts';

/** What a run is trained on: which rows each dataset gives, and what is in the way. */
export function Plan({ plan, isProject }: { plan: MixturePlan | null; isProject: boolean }) {
  const names = useDatasetNames(
    plan?.traits.flatMap(({ datasets }) => datasets.map(({ dataset_id }) => dataset_id)) ?? [],
  );
  if (plan === null) return <Text>The data has not been prepared yet.</Text>;
  const { train_rows, held_out_rows, steps, tokens, warnings } = plan;
  return (
    <Stack>
      <Text>
        {count(train_rows)} rows to train on, {count(held_out_rows)} held out, {count(steps.total)} steps (
        {count(steps.per_epoch)} for each epoch)
        {tokens === null ? '.' : `, ${about(tokens.per_epoch)} tokens for each epoch.${lengthsOf(tokens)}`}
      </Text>
      <PlanWarnings warnings={warnings} />
      <PlanRows traits={plan.traits} names={names} isProject={isProject} isWhole />
      <List size="sm">
        {inCommon(plan, names).map((sentence) => (
          <List.Item key={sentence}>{sentence}</List.Item>
        ))}
      </List>
    </Stack>
  );
}
