import { Anchor, List, Stack, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type VotesOnPair, votesFile, votesQuery } from '../api/playground.ts';
import type { Run, RunOwner } from '../api/types.ts';
import { count } from './numbers.ts';
import { Problem } from './problem.tsx';
import { shown } from './user-text.tsx';

/** What people found who tried the models of a run beside others; nothing where nobody has voted. */
export function Votes({ owner, run }: { owner: RunOwner; run: Run }) {
  const { data, error } = useQuery(votesQuery(owner, run.number));
  if (error !== null) return <Problem error={error} title="The votes cannot be read" />;
  if (!data || data.pairs.length === 0) return null;
  return (
    <Stack component="section" aria-labelledby="votes" gap="xs">
      <Title order={2} size="h4" id="votes">
        Votes
      </Title>
      <List size="sm">
        {data.pairs.map((pair) => (
          <List.Item key={`${pair.one} ${pair.other}`}>{sentenceOf(pair, run.workflow_id)}</List.Item>
        ))}
      </List>
      <Text size="sm">
        <Anchor href={votesFile(owner, run.number)}>What was asked and answered, as JSON</Anchor>
      </Text>
    </Stack>
  );
}

/** The model of the run first. */
function sentenceOf(pair: VotesOnPair, workflowId: string): string {
  const { one, other, one_better, other_better, same } = pair;
  const isFirst = one.startsWith(workflowId) || !other.startsWith(workflowId);
  const [own, against] = isFirst ? [one, other] : [other, one];
  const [better, worse] = isFirst ? [one_better, other_better] : [other_better, one_better];
  const all = better + worse + same;
  return `${shown(own)} against ${shown(against)}: better in ${count(better)} of ${count(all)} ${all === 1 ? 'vote' : 'votes'}, worse in ${count(worse)}, the same in ${count(same)}.`;
}
