import { median } from '../../support/figures.ts';
import { addSteps } from '../../support/steps.ts';
import type { Bounded } from '../bounds.ts';
import { type Bench, type Noted, type Watched, watch } from './watched.ts';

const STEPS = 100_000;
const TIMES = 7;
const CHARTS = 5;
/** No range twice: what was read already is not read again. */
const KEYS = ['End', '+', '+', '+', '+', 'Escape', 'Home', '+', '+', '+', '+', 'Escape'];

/** A run of 100,000 steps: how long its charts take once their data is here, and how long each zoom. */
export async function figuresOfLongRun(bench: Bench): Promise<Bounded[]> {
  const { jobId, runId } = await bench.addJob('of 100,000 steps');
  await addSteps(bench.database, runId, { to: STEPS });
  await bench.database.query('VACUUM (ANALYZE) run_metrics');
  await bench.database.query('UPDATE runs SET current_step = $2, total_steps = $2 WHERE id = $1', [runId, STEPS]);
  const visitor = await watch(bench);
  const drawnMs: number[] = [];
  const chartMs: number[] = [];
  for (let n = 0; n < TIMES; n += 1) {
    await visitor.page.goto(`/jobs/${jobId}`);
    await visitor.until(`window.noted.drawings.length >= ${CHARTS}`);
    const noted = await visitor.noted();
    const drawings = noted.drawings.slice(0, CHARTS);
    drawnMs.push(lastOf(drawings) - curvesIn(noted));
    chartMs.push(...drawings.map(({ fromMs, toMs }) => toMs - fromMs));
  }
  return [
    {
      what: `${CHARTS} charts of ${STEPS} steps, after their data is here: median of ${TIMES}`,
      found: median(drawnMs),
      unit: 'ms',
      atMost: 100,
    },
    { what: 'the same, worst', found: Math.max(...drawnMs), unit: 'ms' },
    { what: 'one of them: median', found: median(chartMs), unit: 'ms' },
    { what: 'one of them: worst', found: Math.max(...chartMs), unit: 'ms' },
    ...(await figuresOfZoom(visitor)),
  ];
}

async function figuresOfZoom(visitor: Watched): Promise<Bounded[]> {
  const { page } = visitor;
  await page.evaluate(`addEventListener('keydown', () => { window.keyMs = performance.now() }, true)`);
  await page.getByRole('slider', { name: /^Loss by step/ }).focus();
  const before = await visitor.noted();
  const redrawnMs: number[] = [];
  const withNewDataMs: number[] = [];
  const chartMs: number[] = [];
  for (const key of KEYS) {
    const from = (await visitor.noted()).drawings.length;
    await page.keyboard.press(key);
    if (key === 'End' || key === 'Home') continue;
    // What is there at once, in its new range; then the buckets of that range.
    await visitor.until(`window.noted.drawings.length >= ${from + CHARTS}`);
    await visitor.until(`(() => {
      const read = window.noted.loaded.findLast(({ url, endMs }) => url.includes('/curves') && endMs > window.keyMs);
      return ${JSON.stringify(key)} === 'Escape' || (read && window.noted.drawings.filter(({ fromMs }) => fromMs > read.endMs).length >= ${CHARTS});
    })()`);
    const noted = await visitor.noted();
    const keyMs = Number(await page.evaluate('window.keyMs'));
    const first = noted.drawings.slice(from, from + CHARTS);
    redrawnMs.push(lastOf(first) - keyMs);
    chartMs.push(...first.map(({ fromMs, toMs }) => toMs - fromMs));
    if (key === 'Escape') continue;
    const readMs = curvesIn(noted);
    withNewDataMs.push(lastOf(noted.drawings.filter(({ fromMs }) => fromMs > readMs).slice(0, CHARTS)) - readMs);
  }
  const { longTasksMs } = await visitor.noted();
  await visitor.leave();
  return [
    {
      what: `from a zoom's key to ${CHARTS} charts redrawn: median of ${redrawnMs.length}`,
      found: median(redrawnMs),
      unit: 'ms',
      atMost: 50,
    },
    { what: 'the same, worst', found: Math.max(...redrawnMs), unit: 'ms' },
    { what: 'one chart of them: median', found: median(chartMs), unit: 'ms', atMost: 16 },
    { what: 'one chart of them: worst', found: Math.max(...chartMs), unit: 'ms', atMost: 50 },
    {
      what: 'then, from the finer data being here to its drawing: median',
      found: median(withNewDataMs),
      unit: 'ms',
      atMost: 100,
    },
    {
      what: 'tasks of more than 50 ms while zooming',
      found: longTasksMs.length - before.longTasksMs.length,
      unit: 'tasks',
    },
  ];
}

function lastOf(drawings: Noted['drawings']): number {
  return Math.max(...drawings.map(({ toMs }) => toMs));
}

/** When the curves that were read last were here. */
function curvesIn({ loaded }: Noted): number {
  return loaded.findLast(({ url }) => url.includes('/curves'))?.endMs ?? Number.NaN;
}
