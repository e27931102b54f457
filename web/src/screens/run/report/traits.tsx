import { SimpleGrid, Stack, Title } from '@mantine/core';
import type { Report } from '../../../api/types.ts';
import { count, loss, percent } from '../../../parts/numbers.ts';
import { Bars } from './bars.tsx';
import { scoreOf, worstFirst } from './figures.ts';
import { TraitsTable } from './traits-table.tsx';

/** Base against tuned on held-out rows of each trait, as bars and as a table; regressions first. */
export function Traits({ report }: { report: Report }) {
  const traits = worstFirst(report.traits);
  const scored = traits.flatMap((trait) => {
    const score = scoreOf(trait);
    return score === null ? [] : [{ trait: trait.trait, score }];
  });
  return (
    <Stack component="section" aria-labelledby="report-traits" gap="sm">
      <Title order={2} size="h4" id="report-traits">
        Base and tuned on held-out rows
      </Title>
      <SimpleGrid cols={{ base: 1, md: 2 }}>
        <Bars
          title="Loss"
          unit="in nats a token; shorter is better"
          write={loss}
          pairs={traits.map(({ trait, rows, base, tuned }) => ({
            name: trait,
            of: `${count(rows)} ${rows === 1 ? 'row' : 'rows'}`,
            before: { label: 'Base', value: base.loss },
            after: { label: 'Tuned', value: tuned.loss },
          }))}
        />
        <Bars
          title="Right answers"
          unit="in percent of those asked; longer is better"
          full={100}
          write={percent}
          pairs={scored.map(({ trait, score }) => ({
            name: trait,
            of: `${count(score.rows)} asked; right ${score.by}`,
            before: { label: 'Base', value: score.base },
            after: { label: 'Tuned', value: score.tuned },
          }))}
        />
      </SimpleGrid>
      <TraitsTable traits={traits} confidence={report.confidence} />
    </Stack>
  );
}
