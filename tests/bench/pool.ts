import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { PROJECT_ROOT } from '../../src/platform/env.ts';
import { startService } from '../../src/processes/start/start.ts';
import { startTrainer } from '../../src/trainer/process.ts';
import { median, percentile } from '../support/figures.ts';
import { csvRows } from '../support/rows.ts';
import { clientOf, TINY_MODEL, testEnv, until } from '../support/service.ts';
import { putTinyModel } from '../support/tiny-models.ts';

const WORKERS = 4;
const CREATE_AT_ONCE = 8;
const ALONE_TIMES = 20;
const PYTHON = join(PROJECT_ROOT, 'tests', 'bench', 'idle_trainer.py');
const TIMEOUT_MS = 1_200_000;

/** One stay of a run on a worker. */
export interface Stage {
  workerId: string;
  what: 'train' | 'validate';
  beganMs: number;
  endedMs: number;
}

/**
 * `npm run bench -- pool [--runs N]`: runs whose trainer does nothing, through four workers. All are queued before the
 * workers come, so that a free slot never waits for work. What is left after the trainer's own time is what the service
 * costs a run.
 */
export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { runs: { type: 'string', default: '200' } } });
  const runs = Number(values.runs);
  const env = { ...(await testEnv()), heartbeatTimeoutMs: 30_000 };
  await putTinyModel(env, 'tiny-random');
  const service = await startService({ ...env, python: PYTHON }, () => {});
  const client = clientOf(service.apiUrl);
  const database = new pg.Client(service.databaseUrl);
  try {
    await database.connect();
    const count = async (where: string) =>
      (await database.query<{ n: number }>(`SELECT count(*)::int AS n FROM runs WHERE ${where}`)).rows[0]?.n ?? 0;
    const reached = (what: string, where: string) =>
      until(what, async () => ((await count(where)) === runs ? true : null), TIMEOUT_MS);
    const { body: dataset } = await client.upload('rows.csv', csvRows(100));
    const left = Array.from({ length: runs }, (_, n) => n);
    const create = async () => {
      for (let n = left.pop(); n !== undefined; n = left.pop()) {
        const job = { name: `job ${n}`, dataset_id: dataset.id, model_name: TINY_MODEL };
        const { status, body } = await client.call('POST', '/jobs/', job);
        if (status !== 201) throw new Error(JSON.stringify(body));
      }
    };
    await Promise.all(Array.from({ length: CREATE_AT_ONCE }, create));
    // The first of the line are prepared; the others are rows.
    await reached('every run to be in the line', `status IN ('pending', 'queued')`);
    await until('the first to be ready', async () =>
      (await count(`phase = 'waiting_for_worker'`)) >= 2 ? true : null,
    );
    await client.call('POST', '/workers/', { action: 'start', worker_count: WORKERS });
    await reached('every run to end', 'workflow_closed_at IS NOT NULL');
    const completed = await count(`status = 'completed'`);
    const aloneMs = await alone(env.home);
    report(runs, completed, await stagesOf(database), aloneMs);
  } finally {
    await database.end();
    await service.stop();
    await rm(env.home, { recursive: true, force: true });
  }
}

function report(runs: number, completed: number, stages: Stage[], aloneMs: number): void {
  // After the last training has begun, a free slot waits for nothing but validations.
  const lastMs = Math.max(...stages.filter(({ what }) => what === 'train').map(({ beganMs }) => beganMs));
  const cyclesMs: Record<Stage['what'], number[]> = { train: [], validate: [] };
  for (const [stage, next] of followed(stages, lastMs)) cyclesMs[stage.what].push(next.beganMs - stage.beganMs);
  const gaps = gapsMs(stages, lastMs);
  const slotMs = mean(cyclesMs.train) + mean(cyclesMs.validate);
  const seconds = (Math.max(...stages.map(({ endedMs }) => endedMs)) - (stages[0]?.beganMs ?? 0)) / 1_000;
  const ms = (value: number | null) => `${value?.toFixed(0)} ms`;
  console.log(
    `${completed} of ${runs} runs completed on ${WORKERS} workers in ${seconds.toFixed(1)} s: ${(runs / seconds).toFixed(1)} runs a second.`,
  );
  console.log(
    `A run keeps a worker for ${ms(slotMs)} (training ${ms(mean(cyclesMs.train))}, validation ${ms(mean(cyclesMs.validate))}), ` +
      `of which the trainer itself ${ms(2 * aloneMs)}: scheduling costs ${ms(slotMs - 2 * aloneMs)} a run.`,
  );
  console.log(
    `From a free slot to the next start: median ${ms(median(gaps))}, p99 ${ms(percentile(gaps, 0.99))} (${gaps.length} times).`,
  );
}

/** Each stage beside the next one on its worker, of those that began by then. */
function followed(stages: Stage[], lastMs: number): [Stage, Stage][] {
  return stages.flatMap((stage, place) => {
    const next = stages.slice(place + 1).find(({ workerId }) => workerId === stage.workerId);
    return next && next.beganMs <= lastMs ? [[stage, next] as [Stage, Stage]] : [];
  });
}

/** How long workers had nothing between two stages, of those that began by then. */
export function gapsMs(stages: Stage[], lastMs: number): number[] {
  return followed(stages, lastMs).map(([stage, next]) => next.beganMs - stage.endedMs);
}

function mean(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** From the claim of a lease to its release, in the order of their beginnings; of claims after an event, those after it. */
export async function stagesOf(database: pg.Client, afterSeq = 0): Promise<Stage[]> {
  const { rows } = await database.query<Stage>(
    `SELECT began.data->>'worker_id' AS "workerId", CASE ended.data->>'reason' WHEN 'trained' THEN 'train' ELSE 'validate' END AS what,
       1000 * extract(epoch FROM began.created_at)::float8 AS "beganMs", 1000 * extract(epoch FROM ended.created_at)::float8 AS "endedMs"
     FROM run_events AS began JOIN run_events AS ended
       ON ended.run_id = began.run_id AND ended.data->>'lease_epoch' = began.data->>'lease_epoch'
     WHERE began.kind = 'status' AND began.data->>'status' = 'running' AND began.data->>'worker_id' IS NOT NULL
       AND ended.kind = 'status' AND ended.data->>'reason' IN ('trained', 'validated')
       AND began.seq > $1
     ORDER BY began.created_at`,
    [afterSeq],
  );
  return rows;
}

/** How long the trainer takes by itself, started as the worker starts it. */
async function alone(home: string): Promise<number> {
  const runDir = join(home, 'runs', String((await readdir(join(home, 'runs')))[0]));
  const dir = await mkdtemp(join(tmpdir(), 'mtm-bench-'));
  try {
    const given = JSON.parse(await readFile(join(runDir, 'train-e1.json'), 'utf8')) as Record<string, unknown>;
    const runFile = join(dir, 'run.json');
    await mkdir(join(dir, 'output'));
    await writeFile(runFile, JSON.stringify({ ...given, output_dir: join(dir, 'output') }));
    const tookMs: number[] = [];
    for (let i = 0; i < ALONE_TIMES; i++) {
      const beganMs = performance.now();
      const logFile = join(dir, 'log');
      await (await startTrainer({ python: PYTHON, runFile, logFile, onEvent: () => {} })).exited;
      tookMs.push(performance.now() - beganMs);
    }
    return mean(tookMs);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
