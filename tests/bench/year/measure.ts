import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { childEnv } from '../../../src/platform/env.ts';
import { toVariables } from '../../../src/platform/env-variables.ts';
import { median } from '../../support/figures.ts';
import type { Looks } from '../queue/look.ts';
import type { Filled } from './fill.ts';
import type { Side } from './side.ts';

const LOOK = fileURLToPath(new URL('../queue/look.ts', import.meta.url));
const TIMES = 15;
const STARTS = 3;

/** Medians, by what was asked. */
export type Figures = Map<string, { empty: number; full: number }>;

/** What is asked for by one screen, or one client. All of a row are asked at once, as a page does. */
const ASKED: Record<string, (filled: Filled) => string[]> = {
  'runs, first page': () => ['/api/v1/runs/?page_size=50&sort=-id'],
  'runs, last page': ({ jobs }) => [`/api/v1/runs/?page_size=20&page=${Math.max(1, Math.floor(jobs / 20))}&sort=-id`],
  'runs by end': () => ['/api/v1/runs/?page_size=50&sort=-completed_at'],
  'runs by name': () => ['/api/v1/runs/?page_size=50&sort=name'],
  'runs, search': () => ['/api/v1/runs/?page_size=50&search=000012'],
  'jobs, first page': () => ['/api/v1/jobs/?page_size=50'],
  'jobs by name': () => ['/api/v1/jobs/?page_size=50&sort=name'],
  'jobs that failed': () => ['/api/v1/jobs/?page_size=20&status=failed'],
  'projects, first page': () => ['/api/v1/projects/?page_size=50'],
  'datasets, search': () => ['/api/v1/datasets/?page_size=50&search=000004'],
  overview: () => [
    '/api/v1/health',
    '/api/v1/config/',
    '/api/v1/workers/',
    '/api/v1/models/',
    '/api/v1/datasets/?page_size=1',
    '/api/v1/runs/?status=open&page_size=100&sort=id',
    '/api/v1/runs/?status=ended&sort=-completed_at&page_size=8',
  ],
  'page of a run': ({ jobId }) =>
    ['', '/runs', '/checkpoints', '/exports', '/votes'].map((path) => `/api/v1/jobs/${jobId}${path}`),
  curves: ({ jobId }) => [`/api/v1/jobs/${jobId}/curves`],
  'metrics of a run': ({ jobId }) => [`/api/v1/jobs/${jobId}/metrics`],
  'GET /queue/': () => ['/api/v1/queue/'],
  'GET /storage': () => ['/api/v1/storage'],
  'GET /storage/removals': () => ['/api/v1/storage/removals'],
  'GET /audit/': () => ['/api/v1/audit/'],
  'GET /metrics': () => ['/metrics'],
  'GET /v1/models': () => ['/v1/models'],
};

/** First requests, then rounds of the orchestrator, then starts; each of one side, then of the other. */
export async function measureInTurns(sides: [Side, Side], filled: [Filled, Filled]): Promise<Figures> {
  const figures: Figures = new Map();
  const note = (what: string, tookMs: number[][]) => {
    const [empty, full] = tookMs.map((times) => median(times) ?? Number.NaN);
    figures.set(what, { empty: empty ?? Number.NaN, full: full ?? Number.NaN });
  };
  const inTurns = async (times: number, work: (side: 0 | 1) => Promise<number>) => {
    const tookMs: [number[], number[]] = [[], []];
    for (let n = 0; n < times; n += 1)
      for (const side of n % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) tookMs[side].push(await work(side));
    return tookMs;
  };
  for (const [what, pathsOf] of Object.entries(ASKED)) {
    const ask = (side: 0 | 1) => timeOf(() => askAll(sides[side], pathsOf(filled[side])));
    // Once before: files and plans are read the first time.
    await ask(0);
    await ask(1);
    note(what, await inTurns(TIMES, ask));
  }
  note(
    'events of a run, until the first',
    await inTurns(TIMES, (side) => timeOf(() => firstEvent(sides[side], filled[side]))),
  );
  const looks = await inLooks(sides);
  note(
    'round of the dispatcher',
    looks.map(({ sweepMs }) => [sweepMs]),
  );
  note(
    'round of the reconciler',
    looks.map(({ lookMs }) => [lookMs]),
  );
  note(
    'start, until GET /health is well',
    await inTurns(STARTS, async (side) => {
      await sides[side].stop();
      return await sides[side].startAgain();
    }),
  );
  return figures;
}

async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const fromMs = performance.now();
  await work();
  return performance.now() - fromMs;
}

async function askAll({ running }: Side, paths: string[]): Promise<void> {
  await Promise.all(
    paths.map(async (path) => {
      const response = await fetch(`${running.apiUrl}${path}`);
      const text = await response.text();
      if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${text.slice(0, 300)}`);
    }),
  );
}

async function firstEvent({ running }: Side, { jobId }: Filled): Promise<void> {
  const response = await fetch(`${running.apiUrl}/api/v1/jobs/${jobId}/events`);
  const reader = response.body?.getReader();
  const { done } = (await reader?.read()) ?? { done: true };
  if (done) throw new Error(`No event came of job ${jobId}: ${response.status}.`);
  await reader?.cancel();
}

/** Each in a process that does nothing else; the medians of some looks. */
async function inLooks(sides: Side[]): Promise<Looks[]> {
  const found: Looks[] = [];
  for (const { env, running } of sides) {
    const { databaseUrl, temporalAddress } = running;
    const looking: ChildProcess = fork(LOOK, {
      execArgv: ['--expose-gc', '--import', 'tsx'],
      env: childEnv(toVariables({ ...env, databaseUrl, temporalAddress })),
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    try {
      await once(looking, 'message');
      const answer = once(looking, 'message');
      looking.send('look');
      const [looks] = (await answer) as [Looks];
      found.push(looks);
    } finally {
      looking.kill();
    }
  }
  return found;
}
