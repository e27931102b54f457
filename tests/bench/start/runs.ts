import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { loadEnv } from '../../../src/platform/env.ts';
import { ensureTrainerPython } from '../../../src/platform/python.ts';
import { median } from '../../support/figures.ts';
import { csvRows } from '../../support/rows.ts';
import { TINY_MODEL, until } from '../../support/service.ts';
import { judge, round } from '../bounds.ts';
import { type Build, describe, startBuild, thisBuild } from './build-service.ts';
import { between, type CpuSeconds, cpuSeconds } from './cpu-seconds.ts';
import { BEFORE, makeOldBuild } from './old-build.ts';

const WORKERS = 4;
const CREATE_AT_ONCE = 8;
const TIMES_AS_MANY = 2;
const TIMEOUT_MS = 3 * 3_600_000;

interface Measured {
  perMinute: number;
  spent: CpuSeconds;
}

type Found = Record<'before' | 'now', Measured[]>;

/**
 * `npm run bench -- start runs [--runs N] [--rounds N] [--before COMMIT]`: jobs that train the tiny model for a few steps, all queued before four workers
 * come, by an old build and by this one in turns: how many are completed a minute, from when the workers are asked for to the end of the last run,
 * and what each process of the service takes of the processor for them.
 */
export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      runs: { type: 'string', default: '200' },
      rounds: { type: 'string', default: '1' },
      before: { type: 'string', default: BEFORE },
    },
  });
  const env = loadEnv();
  const python = await ensureTrainerPython({ env, onProgress: (line) => console.log(line) });
  const old = await makeOldBuild(env, values.before);
  const found: Found = { before: [], now: [] };
  try {
    const now = await thisBuild(python);
    console.log(await describe(now, old));
    const sides = [['before', old] as const, ['now', now] as const];
    for (let round_ = 0; round_ < Number(values.rounds); round_++)
      for (const [side, build] of round_ % 2 === 0 ? sides : [...sides].reverse()) {
        const measured = await measure(build, Number(values.runs));
        console.log(`${side === 'now' ? 'This build' : 'The old build'}: ${round(measured.perMinute)} runs a minute.`);
        found[side].push(measured);
      }
  } finally {
    await old.remove();
  }
  report(Number(values.runs), found);
}

async function measure(build: Build, runs: number): Promise<Measured> {
  const service = await startBuild(build, { heartbeatTimeoutMs: 30_000 });
  try {
    const count = async (where: string) => {
      const { rows } = await service.database.query(`SELECT count(*)::int AS n FROM runs WHERE ${where}`);
      return Number(rows[0]?.n);
    };
    const { body: dataset } = await service.upload('rows.csv', csvRows(40));
    const left = Array.from({ length: runs }, (_, n) => n);
    const create = async () => {
      for (let n = left.pop(); n !== undefined; n = left.pop()) {
        const settings = { max_steps: 5, max_length: 64, batch_size: 2 };
        const job = { name: `job ${n}`, dataset_id: dataset.id, model_name: TINY_MODEL, ...settings };
        const { status, body } = await service.call('POST', '/jobs/', job);
        if (status !== 201) throw new Error(JSON.stringify(body));
      }
    };
    await Promise.all(Array.from({ length: CREATE_AT_ONCE }, create));
    await until('the first to be ready', async () =>
      (await count(`phase = 'waiting_for_worker'`)) >= 2 ? true : null,
    );
    const askedAtMs = performance.now();
    const spentBefore = await cpuSeconds();
    await service.call('POST', '/workers/', { action: 'start', worker_count: WORKERS });
    const isOver = async () => ((await count('finished_at IS NOT NULL')) === runs ? true : null);
    await until('every run to end', isOver, TIMEOUT_MS);
    const minutes = (performance.now() - askedAtMs) / 60_000;
    const spent = between(spentBefore, await cpuSeconds());
    const completed = await count(`status = 'completed'`);
    if (completed < runs) throw new Error(`${runs - completed} of ${runs} runs were not completed by ${build.commit}.`);
    return { perMinute: runs / minutes, spent };
  } finally {
    await service.stop();
  }
}

function report(runs: number, { before, now }: Found): void {
  const table = new Table({
    head: [`${runs} runs, ${WORKERS} workers`, 'old build', 'this build'],
    style: { head: [], border: [] },
  });
  const row = (what: string, of: (measured: Measured) => number) =>
    table.push([what, ...[before, now].map((found) => round(median(found.map(of)) ?? Number.NaN))]);
  row('runs a minute', perMinuteOf);
  const roles = new Set([...before, ...now].flatMap(({ spent }) => [...spent.keys()]));
  for (const role of roles) row(`CPU ms a run: ${role}`, ({ spent }) => (1000 * (spent.get(role) ?? 0)) / runs);
  row('CPU ms a run: all', ({ spent }) => (1000 * [...spent.values()].reduce((sum, one) => sum + one, 0)) / runs);
  console.log(table.toString());
  const each = (found: Measured[]) => found.map(perMinuteOf).map(round).join(', ');
  console.log(`Runs a minute, of each round: the old build ${each(before)}; this build ${each(now)}.`);
  const times = (median(now.map(perMinuteOf)) ?? Number.NaN) / (median(before.map(perMinuteOf)) ?? Number.NaN);
  judge([{ what: 'runs a minute, of those of the old build', found: times, unit: 'x', atLeast: TIMES_AS_MANY }]);
}

function perMinuteOf({ perMinute }: Measured): number {
  return perMinute;
}
