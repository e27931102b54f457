import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { childEnv, PROJECT_ROOT } from '../../../src/platform/env.ts';
import { toVariables } from '../../../src/platform/env-variables.ts';
import { addQueuedRuns } from '../../support/queued-runs.ts';
import { until } from '../../support/service.ts';
import { type Bounded, judge, round } from '../bounds.ts';
import { addJob, type Build, diskOf, startBuild } from './build.ts';
import type { Looks } from './look.ts';
import { cancelReady, timeCancels, timeDispatch } from './measure.ts';
import { sideBySide } from './side-by-side.ts';

const FEW = 100;
const LOOK = fileURLToPath(new URL('look.ts', import.meta.url));
/** What a machine of two cores measures twice differs by so much, and by half the time between two sweeps of the dispatcher. */
const SAME = 1.5;
const SAME_MS = 250;
const READY_WITHIN_MS = 120_000;

/**
 * `npm run bench -- queue [--runs 100000] [--against DIR] [--at 5000] [--minutes 5]`: what a long queue costs, against one
 * of 100 runs: looks of the reconciler, time to cancel, time to the next start, disk. With --against, the same of this
 * build and another one, in whose checkout `npm ci` was done, with runs that are queued through the API.
 */
export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      runs: { type: 'string', default: '100000' },
      against: { type: 'string' },
      at: { type: 'string', default: '5000' },
      minutes: { type: 'string', default: '5' },
    },
  });
  const runs = Number(values.runs);
  if (runs > 0) await longQueue(runs);
  if (values.against)
    await sideBySide(PROJECT_ROOT, resolve(values.against), Number(values.at), Number(values.minutes) * 60_000);
}

async function longQueue(runs: number): Promise<void> {
  const build = await startBuild(PROJECT_ROOT);
  const looking = await startLooking(build);
  try {
    const few = await figuresOf(build, looking, FEW);
    await until('the workers to be gone', async () => ((await workersUp(build)) === 0 ? true : null));
    await cancelReady(build);
    const many = await figuresOf(build, looking, runs);
    judge(compared(few, many, runs));
  } finally {
    looking.kill();
    await build.stop();
  }
}

type Figures = Awaited<ReturnType<typeof figuresOf>>;

/** Fills the queue up by so many, and measures. The workers are stopped, or stopping, at the end. */
async function figuresOf(build: Build, looking: ChildProcess, runs: number) {
  const before = await diskOf(build);
  const ids = await addQueuedRuns(build.database, await addJob(build), runs);
  const disk = await diskOf(build);
  // As the server does by itself within a minute of so many rows: it is not to do that while something is timed.
  await build.database.query('VACUUM (ANALYZE)');
  await until('two runs to be ready', () => twoReady(build), READY_WITHIN_MS);
  console.log(`${runs} more runs are queued.`);
  const looks = await lookOnce(looking);
  const cancels = await timeCancels(build, ids.slice(Math.floor(ids.length / 2)));
  const dispatch = await timeDispatch(build);
  const perRun = (part: 'postgres' | 'temporal' | 'files') => (disk[part] - before[part]) / runs / 1_000;
  const kilobytes = { postgres: perRun('postgres'), temporal: perRun('temporal'), files: perRun('files') };
  return { ...looks, ...cancels, ...dispatch, kilobytes };
}

async function twoReady({ database }: Build): Promise<true | null> {
  const { rows } = await database.query(`SELECT 1 FROM runs WHERE status = 'queued' AND phase = 'waiting_for_worker'`);
  return rows.length >= 2 ? true : null;
}

async function workersUp({ database }: Build): Promise<number> {
  return (await database.query('SELECT 1 FROM workers WHERE pid IS NOT NULL')).rows.length;
}

function compared(few: Figures, many: Figures, runs: number): Bounded[] {
  const { kilobytes } = many;
  const slower = (what: string, key: Exclude<keyof Figures, 'kilobytes'>): Bounded => {
    const [before, now] = [few[key] ?? Number.NaN, many[key] ?? Number.NaN];
    const named = `${what} (with ${FEW}: ${round(before)} ms, x ${round(now / before)})`;
    return { what: named, found: now, unit: 'ms', atMost: Math.max(SAME * before, before + SAME_MS) };
  };
  return [
    { what: `one look of the reconciler at ${runs} runs, median`, found: many.lookMs, unit: 'ms', atMost: 1_000 },
    { what: 'the same, worst', found: many.worstLookMs, unit: 'ms', atMost: 1_000 },
    { what: 'resident memory that looking takes', found: many.residentBytes / 1e6, unit: 'MB', atMost: 50 },
    { what: 'heap that looking takes', found: many.heapBytes / 1e6, unit: 'MB', atMost: 50 },
    slower('one sweep of the dispatcher', 'sweepMs'),
    {
      what: `trainings that begin on four workers (with ${FEW}: ${round(few.startsPerS)}, x ${round(many.startsPerS / few.startsPerS)})`,
      found: many.startsPerS,
      unit: 'per s',
      atLeast: few.startsPerS / SAME,
    },
    slower('from a free worker to its next run', 'gapMs'),
    slower('POST …/cancel of a run that is a row', 'inLineMs'),
    slower('POST …/cancel of one with a workflow', 'answerMs'),
    slower('until its row is closed', 'closedMs'),
    slower('until its workflow is closed', 'workflowClosedMs'),
    slower('until the next one is ready in its place', 'nextReadyMs'),
    { what: 'disk of a queued run: PostgreSQL', found: kilobytes.postgres, unit: 'kB' },
    { what: "disk of a queued run: Temporal's file", found: kilobytes.temporal, unit: 'kB' },
    { what: 'disk of a queued run: files', found: kilobytes.files, unit: 'kB' },
    {
      what: 'disk of a queued run',
      found: kilobytes.postgres + kilobytes.temporal + kilobytes.files,
      unit: 'kB',
      atMost: 10,
    },
  ];
}

async function startLooking({ env }: Build): Promise<ChildProcess> {
  const looking = fork(LOOK, {
    execArgv: ['--expose-gc', '--import', 'tsx'],
    env: childEnv(toVariables(env)),
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  await once(looking, 'message');
  return looking;
}

async function lookOnce(looking: ChildProcess): Promise<Looks> {
  const answer = once(looking, 'message');
  looking.send('look');
  const [looks] = (await answer) as [Looks];
  return looks;
}
