import { Alert, Text } from '@mantine/core';
import type { Report, ReportTrait } from '../../../api/types.ts';
import { count, percent } from '../../../parts/numbers.ts';
import { shown, UserText } from '../../../parts/user-text.tsx';
import type { Verdict } from './figures.ts';

const listed = new Intl.ListFormat('en', { type: 'conjunction' });

/** The verdict in a sentence, its figures as the service says them, and what they rest on. */
export function VerdictShown({ report }: { report: Report }) {
  const { valid, verdict, errors, summary } = report;
  if (!valid)
    return (
      <Alert role="region" color="red" title="This model is not usable, and was not published">
        {errors.map((sentence) => (
          <UserText key={sentence}>{sentence}</UserText>
        ))}
      </Alert>
    );
  const color = { better: 'teal', worse: 'red', same: 'gray' }[verdict ?? 'same'];
  return (
    <Alert role="region" color={color} title={headlineOf(report)}>
      <UserText>{summary}</UserText>
      {report.traits.length > 0 && <RestsOn report={report} />}
    </Alert>
  );
}

function RestsOn({ report: { traits, max_new_tokens, confidence } }: { report: Report }) {
  const rows = sumOf(traits, ({ rows: each }) => each);
  const asked = sumOf(traits, ({ asked: each, rows: all }) => each ?? all);
  return (
    <Text size="sm" mt="xs">
      This rests on {count(rows)} held-out {rows === 1 ? 'row' : 'rows'}, which {rows === 1 ? 'was' : 'were'} not
      trained on.
      {asked > 0 &&
        ` To ${asked === rows ? (rows === 1 ? 'it' : 'all of them') : count(asked)}, both models gave the likeliest answer${max_new_tokens === undefined ? '' : `, of at most ${count(max_new_tokens)} tokens`}.`}
      {confidence !== undefined &&
        ` On other rows like these a difference lies within its bounds with ${percent(100 * confidence)} confidence.`}
    </Text>
  );
}

function sumOf(traits: ReportTrait[], of: (trait: ReportTrait) => number): number {
  return traits.reduce((sum, trait) => sum + of(trait), 0);
}

const WORDS: [Verdict, string][] = [
  ['worse', 'worse than its base'],
  ['better', 'better than its base'],
  ['same', 'no different from its base, as far as these rows show,'],
];

function headlineOf({ traits, retrieval = [] }: Report): string {
  if (traits.length === 0) return retrieval.length === 0 ? 'Nothing was compared' : retrievalHeadline(retrieval);
  const [only] = traits;
  const groups = WORDS.flatMap(([verdict, words]) => {
    const names = traits.filter((trait) => trait.verdict === verdict).map(({ trait }) => shown(trait));
    if (names.length === 0) return [];
    const text = traits.length === 1 && only?.trait === 'all' ? words : `${words} on ${listed.format(names)}`;
    return [text.replace(/,$/, '')];
  });
  return `The tuned model is ${groups.join('; ')}`;
}

/** Of rag nothing is tuned: the index finds answers, or a model answers better with it than without. */
function retrievalHeadline(retrieval: NonNullable<Report['retrieval']>): string {
  const answered = retrieval.flatMap(({ trait, answers }) => (answers ? [{ trait, answers }] : []));
  const worse = answered.filter(({ answers: of }) => of.with_retrieval.f1 < of.without_retrieval.f1);
  if (worse.length > 0)
    return `Answers are worse with the index than without it on ${listed.format(worse.map(({ trait }) => shown(trait)))}`;
  const questions = retrieval.reduce((sum, each) => sum + each.questions, 0);
  const found = retrieval.reduce((sum, each) => sum + each.questions * each.recall_at_10, 0);
  return `${percent((100 * found) / Math.max(1, questions))} of ${count(questions)} held-out questions find their answer among the first 10 chunks`;
}
