import { useQuery } from '@tanstack/react-query';
import { type ComponentProps, useMemo } from 'react';
import { metricsQuery } from '../../api/runs.ts';
import type { DeviceFigures, RunOwner } from '../../api/types.ts';
import { Chart } from '../../parts/chart/chart.tsx';
import type { Line } from '../../parts/chart/line.ts';
import { bytes, count, percent } from '../../parts/numbers.ts';

const POINTS = 500;
const READ_EVERY_MS = 10_000;
const NONE: number[] = [];

type Shared = Pick<ComponentProps<typeof Chart>, 'marks' | 'range' | 'onRange'>;

/** Of the device at each step: a figure, how it is written, and up to where it can go. */
const FIGURES: {
  name: string;
  figure: keyof DeviceFigures;
  format: (value: number | null | undefined) => string;
  most?: keyof DeviceFigures;
}[] = [
  { name: 'GPU use', figure: 'utilization_percent', format: percent },
  { name: 'GPU memory', figure: 'memory_used_bytes', format: bytes, most: 'memory_total_bytes' },
  { name: 'GPU temperature', figure: 'temperature_c', format: (value) => `${count(value)} °C` },
  { name: 'GPU power', figure: 'power_w', format: (value) => `${count(value)} W` },
];

interface DeviceCurvesProps {
  owner: RunOwner;
  run: number;
  hasEnded: boolean;
  shared: Shared;
}

/** What nvidia-smi said of the device, step by step; nothing where it is a CPU. */
export function DeviceCurves({ owner, run, hasEnded, shared }: DeviceCurvesProps) {
  const { data } = useQuery({
    ...metricsQuery(owner, run, POINTS),
    refetchInterval: hasEnded ? false : READ_EVERY_MS,
  });
  const steps = useMemo(() => data?.points.map(({ step }) => step) ?? [], [data]);
  const known = useMemo(() => knownFigures(data?.points ?? []), [data]);
  return known.map(({ name, format, values, lines }) => (
    <Chart
      key={name}
      name={name}
      summary={`Last ${format(values.findLast((value) => value !== null))}.`}
      x={steps}
      lines={lines}
      broken={NONE}
      log={false}
      format={format}
      height={150}
      {...shared}
    />
  ));
}

/** Those that the device told at one step at least: some cards do not know their power. */
function knownFigures(points: { device: DeviceFigures | null }[]) {
  const valuesOf = (name: keyof DeviceFigures) => points.map(({ device }) => device?.[name] ?? null);
  return FIGURES.flatMap(({ name, figure, most, format }) => {
    const values = valuesOf(figure);
    if (values.every((value) => value === null)) return [];
    const lines: Line[] = [{ label: name, color: '--line-train', values }];
    if (most !== undefined)
      lines.push({ label: 'all of it', color: '--line-other', dash: [4, 4], width: 1, values: valuesOf(most) });
    return [{ name, format, values, lines }];
  });
}
