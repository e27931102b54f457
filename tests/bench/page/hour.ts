import { appendFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { addSteps } from '../../support/steps.ts';
import type { Bounded } from '../bounds.ts';
import { type Bench, type Held, heldBy, watch } from './watched.ts';

/** Five steps a second. */
const STEPS_OF_AN_HOUR = 18_000;
/** So many are there before the page is opened, as of a run under way. */
const STEPS_BEFORE = 2_000;
/** As many as one look at a stream tells at most. */
const STEPS_AT_ONCE = 250;
/** After how many steps a training saves, evaluates, and writes a line to its log. */
const CHECKPOINT_EVERY = 50;
const MOST_MB = 10;

/** An hour of a training's events, through the real stream into an open page: what stays of them in its memory. */
export async function figuresOfAnHour(bench: Bench): Promise<Bounded[]> {
  const { jobId, runId } = await bench.addJob('of an hour');
  const total = STEPS_BEFORE + STEPS_OF_AN_HOUR;
  await replay(bench, runId, 1, STEPS_BEFORE, total);
  const visitor = await watch(bench);
  const { page } = visitor;
  await page.goto(`/jobs/${jobId}`);
  const seen = (step: number) =>
    visitor.until(`Number(document.querySelector('[role=slider]')?.getAttribute('aria-valuemax')) >= ${step}`);
  // Some steps by the stream: what is made once is there then.
  await seen(STEPS_BEFORE);
  const warm = STEPS_BEFORE + STEPS_OF_AN_HOUR / 10;
  await follow(STEPS_BEFORE, warm);
  const before = await heldBy(visitor);
  const from = { ms: performance.now(), noted: await visitor.noted() };
  await follow(warm, (warm + total) / 2);
  const half = await heldBy(visitor);
  await follow((warm + total) / 2, total);
  const seconds = (performance.now() - from.ms) / 1_000;
  const after = await heldBy(visitor);
  const noted = await visitor.noted();
  const redraws =
    noted.drawings.filter(({ chart }) => chart === 'Loss').length -
    from.noted.drawings.filter(({ chart }) => chart === 'Loss').length;
  const tabs: Bounded[] = [];
  for (const [tab, there] of [
    ['events', 'main tbody tr'],
    ['log', 'main [role=log]'],
  ] as const) {
    await page.getByRole('tab', { name: tab }).click();
    await page.locator(there).first().waitFor();
    const { heapMb, elements } = await heldBy(visitor);
    tabs.push({ what: `elements with the tab ${tab} open`, found: elements, unit: 'elements', atMost: 5_000 });
    tabs.push({
      what: `JS heap with the tab ${tab} open, more than before`,
      found: heapMb - before.heapMb,
      unit: 'MB',
      atMost: MOST_MB,
    });
  }
  await visitor.leave();
  return [
    { what: 'JS heap before', found: before.heapMb, unit: 'MB' },
    {
      what: `JS heap after ${STEPS_OF_AN_HOUR} steps, more than before`,
      found: after.heapMb - before.heapMb,
      unit: 'MB',
      atMost: MOST_MB,
    },
    { what: 'of which in the second half', found: after.heapMb - half.heapMb, unit: 'MB', atMost: MOST_MB / 4 },
    ...(['elements', 'nodes', 'listeners'] as const satisfies (keyof Held)[]).flatMap((what) => [
      { what: `${what} before`, found: before[what], unit: what },
      { what: `${what} after`, found: after[what], unit: what },
    ]),
    { what: 'redraws of the loss a second meanwhile', found: redraws / seconds, unit: 'a second', atMost: 4 },
    {
      what: 'its longest drawing',
      found: Math.max(...noted.drawings.map(({ fromMs, toMs }) => toMs - fromMs)),
      unit: 'ms',
    },
    {
      what: 'tasks of more than 50 ms meanwhile',
      found: noted.longTasksMs.length - from.noted.longTasksMs.length,
      unit: 'tasks',
    },
    {
      what: 'longest of them',
      found: Math.max(0, ...noted.longTasksMs.slice(from.noted.longTasksMs.length)),
      unit: 'ms',
    },
    ...tabs,
  ];

  async function follow(last: number, to: number): Promise<void> {
    for (let step = last; step < to; step += STEPS_AT_ONCE) {
      const until = Math.min(to, step + STEPS_AT_ONCE);
      await replay(bench, runId, step + 1, until, total);
      await seen(until);
    }
  }
}

/** Steps, the events of their checkpoints and evaluations, and lines of the log, as a training writes them. */
async function replay(
  { database, service }: Bench,
  runId: number,
  from: number,
  to: number,
  total: number,
): Promise<void> {
  await addSteps(database, runId, { from, to, total });
  await database.query('UPDATE runs SET current_step = $2, total_steps = $3 WHERE id = $1', [runId, to, total]);
  await database.query(
    `INSERT INTO run_events (run_id, kind, data)
     SELECT $1, told.kind, told.data || jsonb_build_object('step', step, 'lease_epoch', 1) FROM generate_series($2::int, $3::int) AS step,
       (VALUES ('checkpoint', '{"bytes": 1300000, "seconds": 0.02}'::jsonb), ('eval', '{"trait": null, "loss": 1.25, "rows": 40}')) AS told (kind, data)
     WHERE step % ${CHECKPOINT_EVERY} = 0`,
    [runId, from, to],
  );
  const logs = join(service.env.home, 'runs', String(runId), 'logs');
  await mkdir(logs, { recursive: true });
  const lines = Array.from(
    { length: to - from + 1 },
    (_, n) => `step ${from + n} of ${total}: loss 1.2345, 20000 tokens/s, all is well\n`,
  );
  await appendFile(join(logs, 'train.log'), lines.join(''));
}
