import { Group, NativeSelect, Stack, Text, Title } from '@mantine/core';
import type { Report } from '../../../api/types.ts';
import { useChangeAddress, useChoice, useParam } from '../../../parts/address.ts';
import type { Message } from '../../../parts/conversation/message.tsx';
import { count } from '../../../parts/numbers.ts';
import { Pages, usePage } from '../../../parts/pages.tsx';
import { shown } from '../../../parts/user-text.tsx';
import { worstFirst } from './figures.ts';
import { QuestionCard } from './question-card.tsx';
import { type Side, SideBySide } from './side-by-side.tsx';

type Sample = Report['samples'][number];

const AT_ONCE = 3;
const MARKS = ['expected', 'base', 'none'] as const;
type Marks = (typeof MARKS)[number];

/** Held-out rows with the expected answer and that of both models; those of traits that got worse first. */
export function Answers({ report: { samples, traits } }: { report: Report }) {
  const chosen = useParam('trait');
  const marks = useChoice('marks', MARKS, 'expected');
  const change = useChangeAddress();
  const page = usePage('answers');
  const names = worstFirst(traits).map(({ trait }) => trait);
  const found = names
    .filter((name) => !names.includes(chosen) || name === chosen)
    .flatMap((name) => samples.filter(({ trait }) => trait === name));
  const pages = Math.max(1, Math.ceil(found.length / AT_ONCE));
  const first = (Math.min(page, pages) - 1) * AT_ONCE;
  return (
    <Stack component="section" aria-labelledby="report-answers" gap="sm">
      <Title order={2} size="h4" id="report-answers">
        Answers to held-out rows
      </Title>
      <Group align="end">
        {names.length > 1 && (
          <NativeSelect
            label="Trait"
            value={names.includes(chosen) ? chosen : ''}
            data={[{ value: '', label: 'All traits' }, ...names.map((name) => ({ value: name, label: shown(name) }))]}
            onChange={({ currentTarget: { value } }) => change({ trait: value === '' ? null : value, answers: null })}
          />
        )}
        <NativeSelect
          label="Words that are marked"
          value={marks}
          data={[
            { value: 'expected', label: 'What differs from the expected answer' },
            { value: 'base', label: 'What differs between base and tuned' },
            { value: 'none', label: 'None' },
          ]}
          onChange={({ currentTarget: { value } }) => change({ marks: value === 'expected' ? null : value })}
        />
      </Group>
      <Text size="sm" role="status">
        {found.length === 0
          ? 'No answer was kept of this trait.'
          : `Answers ${count(first + 1)} to ${count(Math.min(found.length, first + AT_ONCE))} of ${count(found.length)}`}
      </Text>
      {found.slice(first, first + AT_ONCE).map((sample, place) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: an answer is known by its place alone
        <SampleView key={first + place} sample={sample} nth={first + place + 1} marks={marks} />
      ))}
      <Pages total={pages} name="answers" />
    </Stack>
  );
}

function SampleView({ sample, nth, marks }: { sample: Sample; nth: number; marks: Marks }) {
  const { trait, prompt, messages, expected } = sample;
  return (
    // What a message has beside its role is another thing in each dialect. Older reports have the last message alone.
    <QuestionCard title={`Answer ${nth}, ${shown(trait)}`} asked={(messages as Message[] | undefined) ?? prompt}>
      <SideBySide sides={[{ title: 'Expected answer', text: expected }, ...bothOf(sample, marks)]} />
    </QuestionCard>
  );
}

function bothOf({ expected, base, tuned }: Sample, marks: Marks): Side[] {
  const fromExpected = { name: 'the expected answer', text: expected };
  const from = {
    expected: [fromExpected, fromExpected],
    base: [
      { name: 'the tuned model', text: tuned },
      { name: 'the base model', text: base },
    ],
    none: [],
  }[marks];
  return [
    { title: 'Base model', text: base, from: from[0] },
    { title: 'Tuned model', text: tuned, from: from[1] },
  ];
}
