import { Button, Group, Text } from '@mantine/core';
import { type KeyboardEvent, useEffect, useId, useRef, useState } from 'react';
import type uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import './chart.css';
import { useScheme } from '../scheme.ts';
import { STEPS } from './axes.ts';
import { ChartTable } from './chart-table.tsx';
import { tellDrawn } from './drawn.ts';
import { lastOf } from './joined.ts';
import { readingAt } from './line.ts';
import { type ChartData, type ChartLook, columnsOf, makePlot } from './plot.ts';

interface ChartProps extends ChartData, Omit<ChartLook, 'height' | 'axis'>, Partial<Pick<ChartLook, 'axis'>> {
  name: string;
  /** One sentence that says what is to be seen. */
  summary: string;
  height?: number;
  /** Where the axis begins and ends, where `x` has a part of it alone. */
  whole?: [number, number];
  /** From where to where the viewer wants to look; null: all. */
  onRange: (range: [number, number] | null) => void;
}

/** A chart over steps, or over another axis: by pointer, by keyboard, as a sentence, and as a table. */
export function Chart({ name, summary, height = 260, axis = STEPS, whole, onRange, ...props }: ChartProps) {
  const { x, lines, marks, broken, log, format, range } = props;
  const [asTable, setAsTable] = useState(false);
  // Where on the axis; which value that is changes with the data.
  const [cursor, setCursor] = useState<number | null>(null);
  const captionId = useId();
  const target = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  // When the drawing that is not done yet was begun.
  const begun = useRef<number | null>(null);
  const scheme = useScheme();
  // uPlot is made anew where what it is made of changes; data alone is handed over.
  const shape = JSON.stringify([
    lines.map(({ values: _, band, ...line }) => [line, band !== undefined]),
    axis.name,
    log,
    height,
    scheme,
    asTable,
  ]);
  const given = { data: { x, lines, marks, broken }, look: { height, axis, log, format, range }, onRange };
  const latest = useRef(given);
  latest.current = given;

  // biome-ignore lint/correctness/useExhaustiveDependencies: `shape` says when
  useEffect(() => {
    const element = target.current;
    if (element === null) return;
    begun.current = performance.now();
    const made = makePlot(element, () => latest.current, {
      onCursor: (index) => setCursor(index === null ? null : (latest.current.data.x[index] ?? null)),
      onSelect: (selected) => latest.current.onRange(selected),
      onDrawn: () => {
        if (begun.current !== null) tellDrawn(name, begun.current);
        begun.current = null;
      },
    });
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: Math.max(200, element.clientWidth), height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [shape]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the range is read by the plot
  useEffect(() => {
    begun.current ??= performance.now();
    plot.current?.setData(columnsOf({ x, lines, marks, broken }, log), true);
  }, [x, lines, marks, broken, log, range]);

  const at =
    cursor === null
      ? x.length - 1
      : Math.max(
          0,
          x.findLastIndex((each) => each <= cursor),
        );
  const move = (index: number) => {
    const next = Math.max(0, Math.min(x.length - 1, index));
    const value = x[next];
    if (plot.current === null || value === undefined) return;
    setCursor(value);
    plot.current.setCursor({ left: plot.current.valToPos(value, 'x'), top: 10 });
  };
  const zoom = (factor: number) => {
    const [begin, end] = whole ?? [x[0] ?? 0, x.at(-1) ?? 1];
    const [first, last] = range ?? [begin, end];
    const width = (last - first) * factor;
    if (width >= end - begin) return onRange(null);
    // As wide as was asked for, also at either end of the axis.
    const from = Math.min(Math.max(begin, (x[at] ?? (first + last) / 2) - width / 2), end - width);
    onRange([from, from + width]);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const far = event.shiftKey ? 10 : 1;
    switch (event.key) {
      case 'ArrowLeft':
        move(at - far);
        break;
      case 'ArrowRight':
        move(at + far);
        break;
      case 'Home':
        move(0);
        break;
      case 'End':
        move(x.length - 1);
        break;
      case '+':
        zoom(0.5);
        break;
      case '-':
        zoom(2);
        break;
      case 'Escape':
        onRange(null);
        break;
      default:
        return;
    }
    event.preventDefault();
  };

  // Lines that end at different places are all read at their ends, until the viewer points at a place.
  const atEnds = cursor === null && lines.some(({ carried }) => carried);
  const place = atEnds ? 'At the end of each' : `${axis.name} ${axis.format(x[at] ?? 0)}`;
  const readout = lines
    .filter(({ faint }) => !faint)
    .map((line) => {
      const value = atEnds ? lastOf(line.values) : readingAt(line, at);
      return { ...line, value: value === null ? '—' : format(value) };
    });
  return (
    <figure className="chart" aria-labelledby={captionId}>
      <Group justify="space-between" align="baseline" gap="xs">
        <Text component="figcaption" id={captionId} fw={600}>
          {name}
        </Text>
        <Group gap="xs">
          {range !== null && (
            <Button size="compact-xs" variant="default" onClick={() => onRange(null)}>
              {axis.all}
            </Button>
          )}
          <Button size="compact-xs" variant="subtle" onClick={() => setAsTable(!asTable)}>
            {asTable ? 'Show as chart' : 'Show as table'}
          </Button>
        </Group>
      </Group>
      <Text size="sm" c="dimmed">
        {summary}
      </Text>
      {asTable ? (
        <ChartTable name={name} axis={axis} x={x} lines={lines} format={format} />
      ) : (
        <>
          <div
            className="chart-plot"
            ref={target}
            role="slider"
            tabIndex={0}
            aria-label={`${name} by ${axis.name}. Arrow keys move, plus and minus zoom, Escape shows all of it.`}
            aria-valuemin={x[0] ?? 0}
            aria-valuemax={x.at(-1) ?? 0}
            aria-valuenow={x[at] ?? 0}
            aria-valuetext={`${place}: ${readout.map(({ label, value }) => `${label} ${value}`).join(', ')}`}
            onKeyDown={onKeyDown}
          />
          <ul className="chart-legend">
            <li className="chart-step">{place}</li>
            {readout.map((line) => (
              <li key={line.label}>
                <svg width="26" height="8" aria-hidden="true">
                  <line
                    x1="0"
                    y1="4"
                    x2="26"
                    y2="4"
                    stroke={`var(${line.color})`}
                    strokeWidth="2"
                    strokeDasharray={line.dash?.join(' ')}
                  />
                </svg>
                <span>
                  <bdi>{line.label}</bdi> {line.value}
                </span>
              </li>
            ))}
          </ul>
        </>
      )}
    </figure>
  );
}
