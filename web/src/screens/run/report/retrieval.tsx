import { SimpleGrid, Stack, Text, Title } from '@mantine/core';
import type { ReportRetrieval } from '../../../api/types.ts';
import { count, percent } from '../../../parts/numbers.ts';
import { shown } from '../../../parts/user-text.tsx';
import { Bars } from './bars.tsx';
import { QuestionCard } from './question-card.tsx';
import { AnsweredTable, FoundTable } from './retrieval-tables.tsx';
import { SideBySide } from './side-by-side.tsx';

type Answers = NonNullable<ReportRetrieval['answers']>;

/** Of a rag run: what held-out questions find in its index, and how they are answered with it and without. */
export function Retrieval({ retrieval }: { retrieval: ReportRetrieval[] }) {
  const answered = retrieval.flatMap(({ trait, questions, answers }) =>
    answers ? [{ trait, held: questions, answers }] : [],
  );
  return (
    <Stack component="section" aria-labelledby="report-retrieval" gap="sm">
      <Title order={2} size="h4" id="report-retrieval">
        Held-out questions
      </Title>
      <SimpleGrid cols={{ base: 1, md: 2 }}>
        <Bars
          title="Answers found among the first 10 chunks"
          unit="in percent of the questions; longer is better"
          full={100}
          write={percent}
          pairs={retrieval.flatMap(({ trait, questions, recall_at_10, hybrid }) =>
            hybrid === undefined
              ? []
              : [
                  {
                    name: trait,
                    of: `${count(questions)} questions`,
                    before: { label: 'By vectors', value: 100 * recall_at_10 },
                    after: { label: 'Hybrid', value: 100 * hybrid.recall_at_10 },
                  },
                ],
          )}
        />
        <Bars
          title="Words in common with the expected answer"
          unit="F1, from 0 to 1; longer is better"
          full={1}
          write={(value) => value.toFixed(2)}
          pairs={answered.map(({ trait, answers }) => ({
            name: trait,
            of: `${count(answers.questions)} answered`,
            before: { label: 'Without index', value: answers.without_retrieval.f1 },
            after: { label: 'With index', value: answers.with_retrieval.f1 },
          }))}
        />
      </SimpleGrid>
      <FoundTable retrieval={retrieval} />
      {answered.length > 0 && <AnsweredTable answered={answered} />}
      {answered.map(({ trait, held, answers }) => (
        <Text key={trait} size="sm">
          {howAsked(trait, held, answers)}
        </Text>
      ))}
      {retrieval.flatMap(({ trait, samples }) =>
        samples.map(({ question, expected, found, place }, nth) => (
          <QuestionCard
            // biome-ignore lint/suspicious/noArrayIndexKey: two questions may be the same
            key={`${trait} ${nth}`}
            title={`Search ${nth + 1}, ${shown(trait)}: the right chunk is number ${count(place)}`}
            asked={question}
          >
            <SideBySide
              sides={[
                { title: 'Its answer', text: expected },
                { title: 'Found first', text: found, from: { name: 'its answer', text: expected } },
              ]}
            />
          </QuestionCard>
        )),
      )}
      {answered.flatMap(({ trait, answers: { samples } }) =>
        samples.map((sample, nth) => (
          <QuestionCard
            // biome-ignore lint/suspicious/noArrayIndexKey: two questions may be the same
            key={`${trait} ${nth}`}
            title={`Answer ${nth + 1}, ${shown(trait)}`}
            asked={sample.question}
          >
            <AnsweredBothWays sample={sample} />
          </QuestionCard>
        )),
      )}
    </Stack>
  );
}

function AnsweredBothWays({ sample }: { sample: Answers['samples'][number] }) {
  const { expected, with_retrieval: withIndex, without_retrieval: without } = sample;
  const from = { name: 'the expected answer', text: expected };
  return (
    <>
      <SideBySide
        sides={[
          { title: 'Expected answer', text: expected },
          { title: 'Without the index', text: without, from },
          ...(withIndex === null ? [] : [{ title: 'With the index', text: withIndex, from }]),
        ]}
      />
      {withIndex === null && <Text>With the index, it says that the documents do not have the answer.</Text>}
    </>
  );
}

/** Of how many questions, and with which room, a model was asked. */
function howAsked(trait: string, held: number, { questions, max_new_tokens, too_long = 0, cut_off }: Answers): string {
  return [
    `Of ${shown(trait)}, ${count(questions)} of ${count(held)} held-out questions were answered${max_new_tokens === undefined ? '' : `, each in at most ${count(max_new_tokens)} tokens`}.`,
    ...(too_long > 0 ? [`${count(too_long)} are longer than the model reads, and were not asked.`] : []),
    ...(cut_off > 0 ? [`${count(cut_off)} answers with the index were cut off there.`] : []),
  ].join(' ');
}
