import { Stack, Text, Title } from '@mantine/core';
import type { Report } from '../../../api/types.ts';
import { count } from '../../../parts/numbers.ts';
import { Tag } from '../../../parts/tag.tsx';
import { UserText } from '../../../parts/user-text.tsx';
import { AgainstTraining } from './against-training.tsx';

type Outcome = 'passed' | 'failed' | 'not tried';
const COLORS: Record<Outcome, { mark: string; color: string }> = {
  passed: { mark: '✓', color: 'teal' },
  failed: { mark: '✕', color: 'red' },
  'not tried': { mark: '–', color: 'gray' },
};

interface Check {
  outcome: Outcome;
  sentences: string[];
}

/** What the validation looked at before it compared anything. */
export function Checks({ report }: { report: Report }) {
  const { against_training } = report;
  return (
    <Stack component="section" aria-labelledby="report-checks" gap="sm">
      <Title order={2} size="h4" id="report-checks">
        What was checked
      </Title>
      <ul className="report-checks">
        {checksOf(report).map(({ outcome, sentences }) => (
          <li key={sentences.join(' ')}>
            <Tag color={COLORS[outcome].color}>
              <span aria-hidden="true">{COLORS[outcome].mark} </span>
              {outcome}
            </Tag>
            {sentences.map((sentence) => (
              <UserText key={sentence}>{sentence}</UserText>
            ))}
          </li>
        ))}
      </ul>
      {against_training && against_training.traits.length > 0 && <AgainstTraining found={against_training} />}
      {report.training && (
        <Text size="sm">
          It was trained for {count(report.training.steps)} {report.training.steps === 1 ? 'step' : 'steps'} on{' '}
          {count(report.training.tokens)} tokens.
        </Text>
      )}
    </Stack>
  );
}

function checksOf({ files, loading, weights_changed, against_training }: Report): Check[] {
  const checks: Check[] = [
    files.valid
      ? {
          outcome: 'passed',
          sentences: [
            `All ${count(files.files_checked.length)} files are there, with the sizes and hashes that training wrote.`,
          ],
        }
      : { outcome: 'failed', sentences: files.errors },
  ];
  if (typeof weights_changed === 'boolean')
    checks.push(
      weights_changed
        ? { outcome: 'passed', sentences: ['Training has changed the weights of the base.'] }
        : { outcome: 'failed', sentences: ['The weights are those of the base, to the bit.'] },
    );
  if (loading.valid) checks.push({ outcome: 'passed', sentences: ['A fresh process has loaded it, and it runs.'] });
  else {
    const isTried = files.valid && weights_changed !== false;
    checks.push({ outcome: isTried ? 'failed' : 'not tried', sentences: loading.errors });
  }
  if (against_training) checks.push(againstTraining(against_training));
  return checks;
}

function againstTraining({ note, traits }: NonNullable<Report['against_training']>): Check {
  if (note !== null)
    return { outcome: 'not tried', sentences: ['Whether it is as good as it was in training was not compared.', note] };
  const isWithin = traits.every(({ difference, margin }) => Math.abs(difference) <= margin);
  return isWithin
    ? {
        outcome: 'passed',
        sentences: ['On the same held-out rows it is as good as it was at the end of its training.'],
      }
    : {
        outcome: 'failed',
        sentences: ['On the same held-out rows it is another model than at the end of its training.'],
      };
}
