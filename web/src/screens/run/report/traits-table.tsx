import { Table } from '@mantine/core';
import type { ReportTrait } from '../../../api/types.ts';
import { count, loss, percent } from '../../../parts/numbers.ts';
import { Scrolled } from '../../../parts/scrolled.tsx';
import { Tag } from '../../../parts/tag.tsx';
import { UserText } from '../../../parts/user-text.tsx';
import { lossBounds, scoreBounds, scoreOf, type Verdict } from './figures.ts';

const MARKS: Record<Verdict, { mark: string; color: string }> = {
  worse: { mark: '▼', color: 'red' },
  better: { mark: '▲', color: 'teal' },
  same: { mark: '=', color: 'gray' },
};

const GROUPS: [string, string[]][] = [
  ['Loss, nats a token; lower is better', ['Base', 'Tuned', 'Difference']],
  ['Right answers; higher is better', ['Counted', 'Base', 'Tuned', 'Difference, points']],
  ['Answers cut off at the limit', ['Base', 'Tuned']],
];

/** Base against tuned, trait by trait. */
export function TraitsTable({ traits, confidence }: { traits: ReportTrait[]; confidence: number | undefined }) {
  return (
    <Scrolled label="Traits">
      <Table miw={1100} captionSide="bottom" withColumnBorders>
        {confidence !== undefined && (
          <Table.Caption ta="start">
            In brackets: the bounds between which the difference lies on rows like these, with{' '}
            {percent(100 * confidence)} confidence. A difference is shown where zero is not among them.
          </Table.Caption>
        )}
        <Table.Thead>
          <Table.Tr>
            {['Trait', 'The tuned model is', 'Rows'].map((head) => (
              <Table.Th key={head} scope="col" rowSpan={2}>
                {head}
              </Table.Th>
            ))}
            {GROUPS.map(([group, heads]) => (
              <Table.Th key={group} scope="colgroup" colSpan={heads.length}>
                {group}
              </Table.Th>
            ))}
          </Table.Tr>
          <Table.Tr>
            {GROUPS.flatMap(([group, heads]) =>
              heads.map((head) => (
                <Table.Th key={`${group} ${head}`} scope="col">
                  {head}
                </Table.Th>
              )),
            )}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {traits.map((trait) => (
            <TraitRow key={trait.trait} trait={trait} />
          ))}
        </Table.Tbody>
      </Table>
    </Scrolled>
  );
}

function TraitRow({ trait }: { trait: ReportTrait }) {
  const { base, tuned, verdict, rows } = trait;
  const score = scoreOf(trait);
  return (
    <Table.Tr>
      <Table.Th scope="row" miw={110}>
        <UserText inline>{trait.trait}</UserText>
      </Table.Th>
      <Table.Td>
        <VerdictTag verdict={verdict} />
      </Table.Td>
      <Table.Td>{count(rows)}</Table.Td>
      <Table.Td>{loss(base.loss)}</Table.Td>
      <Table.Td>{loss(tuned.loss)}</Table.Td>
      <Table.Td className="no-wrap">{lossBounds(trait.loss_difference)}</Table.Td>
      <Table.Td>{score === null ? 'nothing was asked' : `${score.by}, of ${count(score.rows)}`}</Table.Td>
      <Table.Td>{percent(score?.base)}</Table.Td>
      <Table.Td>{percent(score?.tuned)}</Table.Td>
      <Table.Td className="no-wrap">{scoreBounds(trait.score_difference)}</Table.Td>
      <Table.Td>{count(base.cut_off)}</Table.Td>
      <Table.Td>{count(tuned.cut_off)}</Table.Td>
    </Table.Tr>
  );
}

function VerdictTag({ verdict }: { verdict: Verdict }) {
  const { mark, color } = MARKS[verdict];
  return (
    <Tag color={color}>
      <span aria-hidden="true">{mark} </span>
      {verdict}
    </Tag>
  );
}
