import { once } from 'node:events';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as after } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import pg from 'pg';
import { childEnv, type Env, loadEnv, PROJECT_ROOT } from '../../src/platform/env.ts';
import { ensureTrainerPython } from '../../src/platform/python.ts';
import { startService } from '../../src/processes/start/start.ts';
import type { RunFile } from '../../src/trainer/protocol.ts';
import { median } from '../support/figures.ts';
import { type ApiClient, clientOf, TINY_MODEL, testEnv, until } from '../support/service.ts';
import { putTinyModel } from '../support/tiny-models.ts';
import { BEFORE, checkpointOverhead } from './checkpoint-overhead.ts';

const MOST_MORE_PERCENT = { without: 1, with: 3.5 };
const ROWS = 3_000;
const CALIBRATION_STEPS = 200;
/** Later trainings are a little faster than the first, and none is to be shorter than was asked for. */
const MARGIN = 1.1;
/** As one who waits would ask: more often would be overhead of this bench's own. */
const ASK_EVERY_MS = 1_000;
/** Beyond any run of this bench: the only checkpoint is that of the last step. */
const NEVER = 100_000;

/** One training, in seconds. */
interface Span {
  /** From the first step to the last. */
  steps: number;
  /** From the trainer's first word to its end. */
  trainer: number;
  /** By hand: from starting the process to its end. Through the service: from the claim to `trained`. */
  all: number;
}

/**
 * `npm run bench -- overhead [--pairs N] [--minutes M] [--threads T]`: trainings through the service, with the checkpoints
 * that it chooses and with none, against `python -m trainer run.json` by hand with none. In turns, and the service is down
 * while the trainer runs by hand, so that nothing of it counts there. The trainer leaves one CPU core to others, as one
 * does that trains on a GPU; with --threads it takes as many as it is given, on both sides.
 *
 * `npm run bench -- overhead --checkpoints 20 [--before COMMIT] [--models NAME,NAME] [--pairs N] [--threads T]`: what a checkpoint
 * costs the trainer alone, against an earlier build (`checkpoint-overhead.ts`).
 */
export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      pairs: { type: 'string', default: '3' },
      minutes: { type: 'string', default: '3' },
      threads: { type: 'string', default: String(Math.max(1, availableParallelism() - 1)) },
      checkpoints: { type: 'string' },
      before: { type: 'string', default: BEFORE },
      models: { type: 'string', default: 'tiny-standard,smollm2-qlora' },
    },
  });
  if (values.checkpoints) {
    const { checkpoints, pairs, threads, models, before } = values;
    return await checkpointOverhead(Number(checkpoints), before, models.split(','), Number(pairs), Number(threads));
  }
  const { heartbeatTimeoutMs } = loadEnv();
  const env: Env = { ...(await testEnv()), heartbeatTimeoutMs, trainerThreads: Number(values.threads) };
  try {
    await putTinyModel(env, 'tiny-random');
    const python = await ensureTrainerPython({ env, onProgress: (line) => console.log(line) });
    const first = await throughService(env, { max_steps: CALIBRATION_STEPS, save_steps: NEVER });
    const stepsPerS = (CALIBRATION_STEPS - 1) / first.span.steps;
    const max_steps = Math.ceil(stepsPerS * 60 * Number(values.minutes) * MARGIN);
    const cores = `${values.threads} threads on ${availableParallelism()} CPU cores`;
    console.log(`${max_steps} steps of ${(1_000 / stepsPerS).toFixed(0)} ms each, ${cores}.`);
    const byHand = () => alone(env, python, first.runId, max_steps);
    const without = async () => (await throughService(env, { max_steps, save_steps: NEVER })).span;
    const withSaving = async () => (await throughService(env, { max_steps })).span;
    const more: { without: number[]; with: number[] } = { without: [], with: [] };
    for (let pair = 1; pair <= Number(values.pairs); pair++) {
      // The other way round in every second turn: what comes later meets a warmer machine.
      const bare = pair % 2 ? await byHand() : null;
      const served = await without();
      const saving = await withSaving();
      const hand = bare ?? (await byHand());
      show(`${pair}: by hand`, hand);
      more.without.push(show(`${pair}: service, no checkpoints`, served, hand));
      more.with.push(show(`${pair}: service, checkpoints`, saving, hand));
    }
    for (const [what, percent] of Object.entries(MOST_MORE_PERCENT)) {
      const found = median(more[what as keyof typeof more]) ?? Number.NaN;
      const verdict = found <= percent ? 'as wanted' : 'TOO MUCH';
      console.log(
        `${what} checkpoints: ${found.toFixed(2)} % more time than by hand (median), at most ${percent} %: ${verdict}`,
      );
    }
  } finally {
    await rm(env.home, { recursive: true, force: true });
  }
}

/** Prints a training's times, and by how many percent each is longer than by hand; gives that of the whole. */
function show(name: string, span: Span, hand?: Span): number {
  const percent = (key: keyof Span) => (hand ? 100 * (span[key] / hand[key] - 1) : 0);
  const part = (what: string, key: keyof Span) =>
    `${what} ${span[key].toFixed(2)} s${hand ? ` (${percent(key).toFixed(2)} %)` : ''}`;
  console.log(
    `${name.padEnd(30)} ${part('first to last step', 'steps')}, ${part('trainer', 'trainer')}, ${part('all', 'all')}`,
  );
  return percent('all');
}

/** Starts the service, trains one job, reads when what happened from the database, and ends the service. */
async function throughService(
  env: Env,
  settings: { max_steps: number; save_steps?: number },
): Promise<{ runId: number; span: Span }> {
  const service = await startService(env, () => {});
  const database = new pg.Client(service.databaseUrl);
  const client = clientOf(service.apiUrl);
  try {
    await database.connect();
    const datasetId = (await datasetOf(database)) ?? (await upload(client));
    const { rows: wanted } = await database.query(`SELECT 1 FROM workers WHERE desired = 'running'`);
    if (wanted.length === 0) await created(client, '/workers/', { action: 'start', worker_count: 1 });
    await until('the worker to be idle', async () =>
      (await database.query(`SELECT 1 FROM workers WHERE status = 'idle'`)).rowCount === 1 ? true : null,
    );
    const job = await created(client, '/jobs/', {
      name: 'overhead',
      dataset_id: datasetId,
      model_name: TINY_MODEL,
      training_type: 'standard',
      batch_size: 16,
      epochs: 100,
      max_length: 256,
      ...settings,
    });
    const runId = Number(job.run_id);
    while (!(await hasEnded(database, runId))) await after(ASK_EVERY_MS);
    return { runId, span: await spanOf(database, runId) };
  } finally {
    await database.end();
    await service.stop();
  }
}

async function datasetOf(database: pg.Client): Promise<number | null> {
  return (await database.query<{ id: number }>('SELECT id FROM datasets')).rows[0]?.id ?? null;
}

/** Rows long enough that a step has some work, as real ones have. */
async function upload(client: ApiClient): Promise<number> {
  const text = (n: number) => `${'some words that fill the row and are to be learned by heart '.repeat(4)}${n}`;
  const rows = Array.from({ length: ROWS }, (_, n) => `${text(n)},${text(n)}`);
  return Number((await client.upload('rows.csv', ['input,output', ...rows].join('\n'))).body.id);
}

async function created(client: ApiClient, path: string, asked: unknown): Promise<Record<string, unknown>> {
  const { status, body } = await client.call('POST', path, asked);
  if (status >= 400) throw new Error(`POST ${path}: ${JSON.stringify(body)}`);
  return body;
}

async function hasEnded(database: pg.Client, runId: number): Promise<boolean> {
  const { rows } = await database.query<{ status: string; error_message: string; closed: boolean }>(
    'SELECT status, error_message, workflow_closed_at IS NOT NULL AS closed FROM runs WHERE id = $1',
    [runId],
  );
  const [run] = rows;
  if (run?.status === 'failed') throw new Error(run.error_message);
  return run?.status === 'completed' && run.closed;
}

async function spanOf(database: pg.Client, runId: number): Promise<Span> {
  const { rows } = await database.query<Span>(
    `SELECT (SELECT extract(epoch FROM max(created_at) - min(created_at)) FROM run_metrics WHERE run_id = $1)::float8 AS steps,
       extract(epoch FROM trained.at - hello.at)::float8 AS trainer, extract(epoch FROM trained.at - claimed.at)::float8 AS "all"
     FROM (SELECT min(created_at) AS at FROM run_events WHERE run_id = $1 AND kind = 'hello') AS hello,
       (SELECT min(created_at) AS at FROM run_events WHERE run_id = $1 AND kind = 'status' AND data->>'status' = 'running') AS claimed,
       (SELECT min(created_at) AS at FROM run_events WHERE run_id = $1 AND kind = 'status' AND data->>'reason' = 'trained') AS trained`,
    [runId],
  );
  if (!rows[0]) throw new Error(`Run ${runId} has left no times.`);
  return rows[0];
}

/** The same run file, by hand: with a folder of its own, and what it prints dated as it comes. */
async function alone(env: Env, python: string, runId: number, max_steps: number): Promise<Span> {
  const given = JSON.parse(await readFile(join(env.home, 'runs', String(runId), 'train-e1.json'), 'utf8')) as RunFile;
  const dir = join(env.home, 'by-hand');
  await rm(dir, { recursive: true, force: true });
  await mkdir(dir);
  const hyperparameters = { ...given.hyperparameters, max_steps };
  const file = {
    ...given,
    work_dir: dir,
    output_dir: join(dir, 'output'),
    hyperparameters,
    known_checkpoint_step: null,
  };
  const path = join(dir, 'run.json');
  await writeFile(path, JSON.stringify(file));
  const began = performance.now();
  const child = execa(python, ['-u', '-m', 'trainer', path], {
    cwd: PROJECT_ROOT,
    env: childEnv({ PYTHONDONTWRITEBYTECODE: '1' }),
    stderr: 'ignore',
    buffer: false,
  });
  const at = new Map<string, number>();
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => {
    const [word = ''] = line.split(' ');
    if (word === 'step' && !at.has('first step')) at.set('first step', performance.now());
    at.set(word, performance.now());
  });
  await Promise.all([child, once(lines, 'close')]);
  const ended = performance.now();
  const seconds = (from: string) => (ended - (at.get(from) ?? Number.NaN)) / 1_000;
  const steps = seconds('first step') - seconds('step');
  return { steps, trainer: seconds('hello'), all: (ended - began) / 1_000 };
}
