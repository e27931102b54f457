import { Group, List, NativeSelect, Stack, Switch, Text } from '@mantine/core';
import { useMemo } from 'react';
import { useChangeAddress, useChoice, useNumberParam, useParam } from '../../parts/address.ts';
import { ACTIVE_TIME, type Axis, STEPS, TOKENS } from '../../parts/chart/axes.ts';
import { Chart } from '../../parts/chart/chart.tsx';
import { lastOf } from '../../parts/chart/joined.ts';
import { standardHalfLife } from '../../parts/chart/smoothing.ts';
import { Folded } from '../../parts/folded.tsx';
import { about, bytes, count, loss, rate, share } from '../../parts/numbers.ts';
import { Problem } from '../../parts/problem.tsx';
import { shown } from '../../parts/user-text.tsx';
import { aboutAxis, type Basis, fairAxis } from './fair.ts';
import { type AxisName, PLACES } from './figures.ts';
import { brokenOf, type Drawn, type DrawnRun, heldOutLines, linesOf, lossLines, marksOf, traitsOf } from './lines.ts';
import type { Compared } from './use-compared.ts';
import { useCurves } from './use-curves.ts';

const AXES: Record<AxisName, Axis> = { step: STEPS, tokens: TOKENS, time: ACTIVE_TIME };
const AXIS_NAMES = ['step', 'tokens', 'time'] as const;
/** Of the standard half-life, which goes by the longest run. */
const SMOOTHINGS = [0, 0.2, 0.5, 1, 2, 5, 10];
const LOSS_HEIGHT = 320;
const HEIGHT = 180;
const NOTHING: number[] = [];

interface Shown extends Drawn {
  name: string;
  format: (value: number) => string;
  isLog: boolean;
  height: number;
  broken: number[];
  /** Which of the last values the sentence above the chart names. */
  named: 'lowest' | 'highest';
}

/** The curves of several runs, laid over each other. */
export default function CurveCharts({ runs, bases }: { runs: Compared[]; bases: Basis[] }) {
  const axisName = useChoice('x', AXIS_NAMES, fairAxis(bases));
  const [from, to] = [useNumberParam('from'), useNumberParam('to')];
  const range = useMemo(
    (): [number, number] | null => (from !== null && to !== null && to > from ? [from, to] : null),
    [from, to],
  );
  const isLog = useParam('log') === 'yes';
  const change = useChangeAddress();
  const { drawn, error } = useCurves(runs, axisName, range);
  const standard = standardHalfLife(lengthOf(drawn ?? [], axisName));
  const halfLife = useNumberParam('smooth') ?? standard;
  const charts = useMemo(
    () => (drawn === null ? [] : chartsOf(drawn, axisName, halfLife, isLog)),
    [drawn, axisName, halfLife, isLog],
  );
  const marks = useMemo(() => marksOf(drawn ?? [], axisName), [drawn, axisName]);
  const axis = AXES[axisName];
  return (
    <Stack gap="lg">
      <Group gap="lg" align="end">
        <NativeSelect
          label="Axis"
          value={axisName}
          data={AXIS_NAMES.map((value) => ({ value, label: AXES[value].name }))}
          onChange={(event) => change({ x: event.currentTarget.value, from: null, to: null, smooth: null })}
        />
        <NativeSelect
          label="Smoothing"
          description={`Half-life, in ${axis.units}`}
          value={String(halfLife)}
          data={halfLivesOf(standard, halfLife).map((value) => ({
            value: String(value),
            label: value === 0 ? 'none' : axis.format(value),
          }))}
          onChange={(event) => change({ x: axisName, smooth: event.currentTarget.value })}
        />
        <Switch
          label="Logarithmic"
          checked={isLog}
          onChange={(event) => change({ log: event.currentTarget.checked ? 'yes' : null })}
        />
      </Group>
      <Text size="sm">{aboutAxis(axisName, bases)}</Text>
      <Problem error={error} title="Curves cannot be read" />
      {drawn !== null && charts.length === 0 && <Text>None of these runs has done a step yet.</Text>}
      {charts.map(({ isLog: log, named, ...chart }) => (
        <Chart
          key={chart.name}
          {...chart}
          axis={axis}
          summary={summaryOf(chart, named)}
          log={log}
          marks={marks}
          range={range}
          onRange={(next) =>
            change({
              // A part of this axis, and a length on it, are of no other: with more runs another one may be fair.
              x: axisName,
              from: next && String(Math.max(0, Math.floor(next[0]))),
              to: next && String(Math.ceil(next[1])),
            })
          }
        />
      ))}
      {marks.length > 0 && (
        <Folded label={marks.length === 1 ? '1 interruption' : `${count(marks.length)} interruptions`}>
          <List size="sm">
            {marks.map(({ label }) => (
              <List.Item key={label}>{shown(label)}</List.Item>
            ))}
          </List>
        </Folded>
      )}
    </Stack>
  );
}

/** The charts that have something to show. */
function chartsOf(runs: DrawnRun[], axis: AxisName, halfLife: number, isLog: boolean): Shown[] {
  const plain = { height: HEIGHT, isLog: false, broken: NOTHING, named: 'highest' as const };
  const measured = { ...plain, isLog, format: loss, named: 'lowest' as const };
  const heldOut = (name: string, trait: string | null): Shown => {
    return { ...measured, ...heldOutLines(runs, axis, trait), name };
  };
  const charts: Shown[] = [
    {
      ...measured,
      ...lossLines(runs, axis, halfLife),
      name: 'Train loss',
      height: LOSS_HEIGHT,
      broken: brokenOf(runs, axis),
    },
    heldOut('Held-out loss', null),
    ...traitsOf(runs).map((trait) => heldOut(`Held-out loss of ${trait}`, trait)),
    { ...plain, ...linesOf(runs, axis, 'learning_rate'), name: 'Learning rate', format: rate },
    {
      ...measured,
      ...linesOf(runs, axis, 'grad_norm', ['grad_norm', 'grad_norm_max']),
      name: 'Gradient norm',
      named: 'highest',
    },
    { ...plain, ...linesOf(runs, axis, 'reward_margin'), name: 'Reward margin', format: loss },
    { ...plain, ...linesOf(runs, axis, 'reward_accuracy'), name: 'Pairs told apart', format: share },
    { ...plain, ...linesOf(runs, axis, 'tokens_per_s'), name: 'Tokens per second', format: about },
    { ...plain, ...linesOf(runs, axis, 'memory_bytes'), name: 'Memory', format: bytes },
  ];
  return charts.filter(({ lines }) => lines.some(({ values }) => lastOf(values) !== null));
}

/** How long the shortest of these runs is planned to be: smoothed as the longest one needs it, a short one would be a flat line. */
function lengthOf(runs: DrawnRun[], axis: AxisName): number {
  const lengths = runs.flatMap(({ figures, totalSteps }) => {
    const [done, at] = [figures.step.at(-1) ?? 0, figures[PLACES[axis]].at(-1) ?? 0];
    return done === 0 ? [] : (at * Math.max(totalSteps ?? 0, done)) / done;
  });
  return lengths.length === 0 ? 0 : lengths.reduce((a, b) => Math.min(a, b));
}

function halfLivesOf(standard: number, chosen: number): number[] {
  const offered = SMOOTHINGS.map((share) => Math.round(share * standard));
  return [...new Set([...offered, standard, chosen])].sort((a, b) => a - b);
}

function summaryOf({ lines, broken, format }: Omit<Shown, 'isLog' | 'named'>, named: Shown['named']): string {
  const ends = lines.flatMap(({ label, values, faint }) => {
    const value = lastOf(values);
    return faint || value === null ? [] : [{ label, value }];
  });
  const [first, ...others] = ends.sort((a, b) => (named === 'lowest' ? a.value - b.value : b.value - a.value));
  if (first === undefined) return '';
  const gaps = broken.length === 0 ? '' : ` At ${broken.length} places a loss was no number.`;
  const rest = others.length === 0 ? '' : `, the ${named} of ${ends.length}`;
  return `Last value of ${first.label}: ${format(first.value)}${rest}.${gaps}`;
}
