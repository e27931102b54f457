import { Group, List, NativeSelect, Stack, Switch, Text, Title } from '@mantine/core';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useEffect, useMemo } from 'react';
import { curvesQuery } from '../../api/runs.ts';
import type { RunOwner } from '../../api/types.ts';
import { useChangeAddress, useNumberParam, useParam } from '../../parts/address.ts';
import { Chart } from '../../parts/chart/chart.tsx';
import { standardHalfLife } from '../../parts/chart/smoothing.ts';
import { about, bytes, count, loss, rate, share } from '../../parts/numbers.ts';
import { Problem } from '../../parts/problem.tsx';
import { brokenOf, lossLines, marksOf, otherLines, withSteps } from './curve-data.ts';
import { DeviceCurves } from './device-curves.tsx';
import type { RunStream } from './use-run-stream.ts';

/** Two for each pixel of a wide screen. */
const POINTS = 2_000;
/** So many steps are shown one by one before buckets are read again. */
const STEPS_BEFORE_READING = 500;
const HALF_LIVES = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000];

const NONE: number[] = [];

interface CurvesProps {
  owner: RunOwner;
  run: number;
  totalSteps: number | null;
  stream: RunStream;
}

/** What a run learns, as it learns it: all attempts on one axis of steps. */
export default function CurvesTab({ owner, run, totalSteps, stream }: CurvesProps) {
  const from = useNumberParam('from');
  const to = useNumberParam('to');
  const isLog = useParam('log') === 'yes';
  const change = useChangeAddress();
  const isZoomed = from !== null && to !== null && to > from;
  const asked = { fromStep: isZoomed ? from : 0, toStep: isZoomed ? to : undefined, points: POINTS };
  const {
    data: read,
    error,
    refetch,
  } = useQuery({
    ...curvesQuery(owner, run, asked),
    placeholderData: keepPreviousData,
  });

  const { reasonsToRead, steps } = stream;
  const lastTold = Number(steps.at(-1)?.data.step ?? 0);
  const isBehind = !isZoomed && read !== undefined && lastTold - read.steps > STEPS_BEFORE_READING;
  useEffect(() => {
    if (reasonsToRead > 0 || isBehind) void refetch();
  }, [reasonsToRead, isBehind, refetch]);

  const standard = standardHalfLife(totalSteps ?? read?.steps ?? 0);
  const halfLife = useNumberParam('smooth') ?? standard;
  const curves = useMemo(() => read && (isZoomed ? read : withSteps(read, steps)), [read, steps, isZoomed]);
  // A chart is drawn again where it is given something else: with what was read or told, and not each time that its run is asked for.
  const range = useMemo((): [number, number] | null => (isZoomed ? [from, to] : null), [isZoomed, from, to]);
  const others = useMemo(() => curves && otherLines(curves), [curves]);
  const losses = useMemo(() => curves && lossLines(curves, halfLife), [curves, halfLife]);
  const marks = useMemo(() => (curves ? marksOf(curves) : []), [curves]);
  const broken = useMemo(() => (curves ? brokenOf(curves) : []), [curves]);
  if (!curves || !losses || !others) return <Problem error={error} title="The curves cannot be read" />;
  if (curves.steps === 0) return <Text>No step has been done yet. The curve begins with the first.</Text>;

  const whole: [number, number] = [0, curves.steps];
  const shared = {
    marks,
    range,
    whole,
    onRange: (next: [number, number] | null) =>
      change(
        next === null
          ? { from: null, to: null }
          : { from: String(Math.max(0, Math.floor(next[0]))), to: String(Math.ceil(next[1])) },
      ),
  };
  const { buckets } = curves;
  const hasRewards = buckets.reward_margin.some((value) => value !== null);
  const hasLoss = buckets.loss.some((value) => value !== null);
  return (
    <Stack gap="lg">
      <Group gap="lg" align="end">
        <NativeSelect
          label="Smoothing"
          description="Half-life, in steps"
          value={String(halfLife)}
          data={[...new Set([...HALF_LIVES, standard, halfLife])]
            .sort((a, b) => a - b)
            .map((value) => ({ value: String(value), label: value === 0 ? 'none' : count(value) }))}
          onChange={(event) =>
            change({ smooth: event.currentTarget.value === String(standard) ? null : event.currentTarget.value })
          }
        />
        <Switch
          label="Logarithmic"
          checked={isLog}
          onChange={(event) => change({ log: event.currentTarget.checked ? 'yes' : null })}
        />
      </Group>
      {hasLoss && (
        <Chart
          name="Loss"
          summary={summaryOf(buckets, curves.steps, broken.length)}
          x={losses.x}
          lines={losses.lines}
          broken={broken}
          log={isLog}
          format={loss}
          height={320}
          {...shared}
        />
      )}
      {curves.thinned_until_step !== null && (
        <Text size="sm" role="note">
          Up to step {count(curves.thinned_until_step)} this curve is thinned: the retention policy run_metrics removed
          single steps. Means, lowest and highest values are those of all steps.
        </Text>
      )}
      {marks.length > 0 && (
        <Stack gap={4} component="section" aria-labelledby="interruptions">
          <Title order={2} size="h5" id="interruptions">
            Interruptions
          </Title>
          <List size="sm">
            {marks.map(({ x, label }) => (
              <List.Item key={x}>{label}</List.Item>
            ))}
          </List>
        </Stack>
      )}
      {hasLoss && (
        <Chart
          name="Learning rate"
          summary={`Now ${rate(buckets.learning_rate.at(-1))}.`}
          x={buckets.step}
          lines={others.learningRate}
          broken={NONE}
          log={false}
          format={rate}
          height={150}
          {...shared}
        />
      )}
      {hasLoss && (
        <Chart
          name="Gradient norm"
          summary={`Now ${loss(buckets.grad_norm.at(-1))}, at most ${loss(most(buckets.grad_norm_max))}.`}
          x={buckets.step}
          lines={others.gradNorm}
          broken={NONE}
          log={isLog}
          format={loss}
          height={150}
          {...shared}
        />
      )}
      {hasRewards && (
        <Chart
          name="Reward margin"
          summary={`Now ${loss(buckets.reward_margin.at(-1))}: by how much more the training has raised the chosen answer than the rejected one.`}
          x={buckets.step}
          lines={others.rewardMargin}
          broken={NONE}
          log={false}
          format={loss}
          height={150}
          {...shared}
        />
      )}
      {hasRewards && (
        <Chart
          name="Pairs told apart"
          summary={`Now ${share(buckets.reward_accuracy.at(-1))} of a step's pairs have the chosen answer above the rejected one.`}
          x={buckets.step}
          lines={others.rewardAccuracy}
          broken={NONE}
          log={false}
          format={share}
          height={150}
          {...shared}
        />
      )}
      <Chart
        name="Tokens per second"
        summary={`Now ${about(buckets.tokens_per_s.at(-1))}.`}
        x={buckets.step}
        lines={others.tokensPerS}
        broken={NONE}
        log={false}
        format={about}
        height={150}
        {...shared}
      />
      <Chart
        name="Memory"
        summary={`At most ${bytes(most(buckets.memory_bytes))} so far.`}
        x={buckets.step}
        lines={others.memory}
        broken={NONE}
        log={false}
        format={bytes}
        height={150}
        {...shared}
      />
      <DeviceCurves owner={owner} run={run} hasEnded={stream.hasEnded} shared={shared} />
    </Stack>
  );
}

function most(values: (number | null)[]): number | null {
  return values.reduce((a, b) => (a === null || (b !== null && b > a) ? b : a), null);
}

function summaryOf(
  { step, loss: losses, loss_min }: { step: number[]; loss: (number | null)[]; loss_min: (number | null)[] },
  steps: number,
  broken: number,
): string {
  const known = losses.filter((value) => value !== null);
  const lowest = loss_min.reduce<number>(
    (best, value, index) => (value !== null && value < (loss_min[best] ?? Number.POSITIVE_INFINITY) ? index : best),
    0,
  );
  const gaps = broken === 0 ? '' : ` At ${broken} places it was no number.`;
  return `Train loss ${loss(known[0])} to ${loss(known.at(-1))} at step ${count(steps)}, lowest ${loss(loss_min[lowest])} at about step ${count(step[lowest])}.${gaps}`;
}
