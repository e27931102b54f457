import uPlot from 'uplot';
import type { Axis } from './axes.ts';
import type { Line, Mark } from './line.ts';

export interface ChartData {
  x: number[];
  lines: Line[];
  marks: Mark[];
  /** Where a value is no number. */
  broken: number[];
}

export interface ChartLook {
  height: number;
  axis: Axis;
  log: boolean;
  format: (value: number) => string;
  /** From where to where on the x axis; null: all. */
  range: [number, number] | null;
}

interface ChartEvents {
  onCursor: (index: number | null) => void;
  onSelect: (range: [number, number]) => void;
  onDrawn: () => void;
}

/** Charts with the same x axis show their cursors together. */
const SHARED_CURSOR = uPlot.sync('run');
const LEAST_SELECTED_PX = 6;
/** As wide as `23 hr 59 min`. */
const TICK_SPACE_PX = 80;
/** Behind a colour such as #1864ab. */
const BAND_ALPHA = '2e';

/**
 * uPlot draws; what the data means, its keyboard and its words are the component's. `now`: marks and range may be others at
 * each drawing. What lines there are, and how they look, is what it was made with.
 */
export function makePlot(
  target: HTMLElement,
  now: () => { data: ChartData; look: ChartLook },
  events: ChartEvents,
): uPlot {
  const { data, look } = now();
  const css = getComputedStyle(target);
  const color = (name: string) => css.getPropertyValue(name).trim();
  const text = color('--mantine-color-dimmed');
  const grid = color('--chart-grid');
  const axis = {
    stroke: text,
    grid: { stroke: grid, width: 1 },
    ticks: { stroke: grid, width: 1 },
    font: `12px ${css.fontFamily}`,
  };
  return new uPlot(
    {
      width: Math.max(200, target.clientWidth),
      height: look.height,
      legend: { show: false },
      scales: {
        x: { time: false, range: (_plot, min, max) => now().look.range ?? [min, max] },
        y: { distr: look.log ? 3 : 1 },
      },
      axes: [
        {
          ...axis,
          size: 32,
          space: TICK_SPACE_PX,
          values: (_plot, ticks) => ticks.map((tick) => look.axis.tick(tick)),
          ...(look.axis.increments ? { incrs: look.axis.increments } : {}),
        },
        { ...axis, size: 64, values: (_plot, ticks) => ticks.map((tick) => (tick === null ? '' : look.format(tick))) },
      ],
      series: [{ label: look.axis.name }, ...data.lines.flatMap((line) => seriesOf(line, color))],
      bands: bandsOf(data.lines, color),
      cursor: {
        sync: { key: SHARED_CURSOR.key, setSeries: false },
        drag: { x: true, y: false, setScale: false },
        points: { size: 7 },
      },
      hooks: {
        setCursor: [({ cursor }) => events.onCursor(cursor.idx ?? null)],
        setSelect: [
          (plot) => {
            const { left, width } = plot.select;
            if (width < LEAST_SELECTED_PX) return;
            plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
            events.onSelect([plot.posToVal(left, 'x'), plot.posToVal(left + width, 'x')]);
          },
        ],
        draw: [
          (plot) => drawMarks(plot, now().data.marks, (name) => (name === undefined ? text : color(name))),
          (plot) => drawBroken(plot, now().data.broken, color('--mantine-color-red-6')),
          events.onDrawn,
        ],
      },
    },
    columnsOf(data, look.log),
    target,
  );
}

/** What is drawn, in uPlot's order: x, and for each line its values, or those below, above and its own. A logarithm has no place for 0. */
export function columnsOf({ x, lines }: ChartData, log: boolean): uPlot.AlignedData {
  const drawable = (values: Line['values']) =>
    log ? values.map((value) => (typeof value === 'number' && value <= 0 ? null : value)) : values;
  return [
    x,
    ...lines.flatMap(({ values, band }) => [
      ...(band ? [drawable(band.low), drawable(band.high)] : []),
      drawable(values),
    ]),
  ] as uPlot.AlignedData;
}

function seriesOf(line: Line, color: (name: string) => string): uPlot.Series[] {
  const stroke = color(line.color);
  const edge: uPlot.Series = { stroke: 'transparent', width: 0, points: { show: false } };
  const own: uPlot.Series = {
    label: line.label,
    stroke,
    alpha: line.faint ? 0.35 : 1,
    width: line.width ?? 2,
    ...(line.dash ? { dash: line.dash } : {}),
    points: line.sparse ? { show: true, size: 6, fill: stroke } : { show: pointsWhereAlone(line.values) },
  };
  return line.band ? [{ ...edge }, { ...edge }, own] : [own];
}

/** A value between two gaps would be a line of no length. */
function pointsWhereAlone(values: Line['values']): boolean {
  return values.filter((value) => typeof value === 'number').length < 2;
}

function bandsOf(lines: Line[], color: (name: string) => string): uPlot.Band[] {
  let index = 1;
  return lines.flatMap((line) => {
    const low = index;
    index += line.band ? 3 : 1;
    return line.band ? [{ series: [low + 1, low], fill: `${color(line.color)}${BAND_ALPHA}` }] : [];
  });
}

function drawMarks(plot: uPlot, marks: Mark[], colorOf: (name: string | undefined) => string): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
  ctx.lineWidth = devicePixelRatio;
  for (const { x, color } of marks) {
    const left = plot.valToPos(x, 'x', true);
    if (left < bbox.left || left > bbox.left + bbox.width) continue;
    ctx.strokeStyle = colorOf(color);
    ctx.beginPath();
    ctx.moveTo(left, bbox.top);
    ctx.lineTo(left, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}

/** Triangles on the lower edge: a loss that is no number has no place among those that are. */
function drawBroken(plot: uPlot, broken: number[], color: string): void {
  const { ctx, bbox } = plot;
  const size = 5 * devicePixelRatio;
  const bottom = bbox.top + bbox.height;
  ctx.save();
  ctx.fillStyle = color;
  for (const x of broken) {
    const left = plot.valToPos(x, 'x', true);
    if (left < bbox.left || left > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(left - size, bottom);
    ctx.lineTo(left + size, bottom);
    ctx.lineTo(left, bottom - 2 * size);
    ctx.fill();
  }
  ctx.restore();
}
