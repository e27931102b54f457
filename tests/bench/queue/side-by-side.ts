import Table from 'cli-table3';
import { round } from '../bounds.ts';
import { addJob, type Build, cpuShare, diskOf, startBuild } from './build.ts';
import { timeCancels, timeDispatch } from './measure.ts';

const CREATE_AT_ONCE = 8;
const WATCH_CPU_MS = 15_000;
const LOOK_EVERY_MS = 1_000;
/** Nothing was prepared for so long: no more will be. */
const STANDS_STILL_MS = 15_000;
const STARTS_WITHIN_MS = 90_000;

interface Side {
  [what: string]: string;
}

/**
 * The same queue in two builds, one after the other, filled through the API. Each is given as much time to fill it and to do
 * what it does by itself with a queued run; then it is measured as far as it came.
 */
export async function sideBySide(ours: string, other: string, runs: number, patienceMs: number): Promise<void> {
  const sides = new Map<string, Side>();
  for (const [name, dir] of [
    ['this build', ours],
    [other, other],
  ] as const) {
    console.log(`${name}: up to ${runs} runs…`);
    const build = await startBuild(dir);
    try {
      const side = await measureSide(build, runs, patienceMs);
      sides.set(name, side);
      // At once: the other one may take long, or fail.
      console.log(side);
    } finally {
      await build.stop();
    }
  }
  const names = [...sides.keys()];
  const table = new Table({ head: ['', ...names], style: { head: [], border: [] } });
  for (const what of Object.keys(sides.get('this build') ?? {}))
    table.push([what, ...names.map((name) => sides.get(name)?.[what] ?? '')]);
  console.log(table.toString());
}

async function measureSide(build: Build, runs: number, patienceMs: number): Promise<Side> {
  const before = await diskOf(build);
  const fromMs = performance.now();
  const untilMs = fromMs + patienceMs;
  const created = await create(build, runs, untilMs);
  const createS = (performance.now() - fromMs) / 1_000;
  const prepared = await untilItStands(build, untilMs);
  const preparedS = (performance.now() - fromMs) / 1_000;
  const disk = await diskOf(build);
  const cpu = await cpuShare(build, WATCH_CPU_MS);
  const { rows } = await build.database.query<{ id: number }>(
    `SELECT id FROM runs WHERE status IN ('pending', 'queued') ORDER BY id DESC LIMIT 200`,
  );
  const cancels = await timeCancels(
    build,
    rows.map(({ id }) => id),
  );
  const { startsPerS, gapMs, starts } = await timeDispatch(build, undefined, STARTS_WITHIN_MS);
  // What was made for runs is divided by those for which it was made.
  const per = (bytes: number, count: number) => (count === 0 ? '-' : `${round(bytes / count / 1_000)} kB`);
  const ms = (value: number | null) => (value === null ? '-' : `${round(value)} ms`);
  return {
    'queued through the API': `${created} in ${round(createS)} s`,
    'of these with a workflow and a mixture': `${prepared} after ${round(preparedS)} s`,
    'PostgreSQL, per queued run': per(disk.postgres - before.postgres, created),
    "Temporal's file, per queued run": per(disk.temporal - before.temporal, created),
    'files, per queued run': per(disk.files - before.files, created),
    "files and Temporal's file, per run that is prepared": per(
      disk.files - before.files + disk.temporal - before.temporal,
      prepared,
    ),
    'CPU of all processes while the queue stands': `${round(100 * cpu)} % of a core`,
    'POST …/cancel of a queued run': ms(cancels.inLineMs),
    'cancel until row and workflow are closed':
      cancels.workflowClosedMs === null ? 'none ready, or longer than a minute' : ms(cancels.workflowClosedMs),
    'trainings that begin on four workers': `${round(startsPerS)} per s (${starts} starts)`,
    'from a free worker to its next run': ms(gapMs),
  };
}

async function create(build: Build, runs: number, untilMs: number): Promise<number> {
  let [asked, created] = [0, 0];
  const lane = async () => {
    while (asked < runs && performance.now() < untilMs) {
      asked++;
      await addJob(build);
      created++;
    }
  };
  await Promise.all(Array.from({ length: CREATE_AT_ONCE }, lane));
  return created;
}

/** Waits until no more runs are prepared, or until there is no more time. @returns how many are prepared */
async function untilItStands({ database }: Build, untilMs: number): Promise<number> {
  let [prepared, sinceMs] = [0, performance.now()];
  while (performance.now() < untilMs && (prepared === 0 || performance.now() - sinceMs < STANDS_STILL_MS)) {
    const { rows } = await database.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM runs WHERE phase = 'waiting_for_worker' AND status = 'queued'`,
    );
    const found = rows[0]?.n ?? 0;
    if (found !== prepared) [prepared, sinceMs] = [found, performance.now()];
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
  return prepared;
}
