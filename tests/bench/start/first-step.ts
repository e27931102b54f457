import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { execa } from 'execa';
import { type Env, loadEnv, PROJECT_ROOT } from '../../../src/platform/env.ts';
import { ensureTrainerPython } from '../../../src/platform/python.ts';
import type { SpansEvent } from '../../../src/trainer/protocol.ts';
import { median } from '../../support/figures.ts';
import { tinyModel } from '../../support/tiny-models.ts';
import { judge, round } from '../bounds.ts';
import { smollm2 } from '../smollm2.ts';
import { BEFORE, copyOf, makeOldBuild, type OldBuild } from './old-build.ts';
import { freshTrainers, type Trainers, warmTrainers } from './trainers.ts';

const SAVED_AT = 2;
const STEPS = 4;
const ROWS = 64;

/** What is trained, and the most that the first step may take of what it took before. */
const CASES = {
  tiny: { name: 'tiny', atMost: 1 / 8, threads: 1, modelOf: (env: Env) => tinyModel(env) },
  smollm2: {
    name: 'SmolLM2-135M, qlora',
    atMost: 1 / 3,
    threads: availableParallelism(),
    modelOf: async (env: Env, python: string) => await smollm2(python, env.toolsDir),
  },
} as const;

interface Resumed {
  /** From the call that asks for a trainer to the first step after the checkpoint. */
  seconds: number;
  weights: string;
  spans: SpansEvent['spans'];
}

/**
 * `npm run bench -- start first-step [--pairs N] [--before COMMIT] [--models tiny,smollm2]`: how long it takes from asking for a trainer to the first step
 * of a training that goes on from a checkpoint, by an old build and by this one, in turns. The old build saved the checkpoint; all end with the same weights.
 */
export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      pairs: { type: 'string', default: '10' },
      before: { type: 'string', default: BEFORE },
      models: { type: 'string', default: Object.keys(CASES).join(',') },
    },
  });
  const env = loadEnv();
  const python = await ensureTrainerPython({ env, onProgress: (line) => console.log(line) });
  const old = await makeOldBuild(env, values.before);
  const work = await mkdtemp(join(tmpdir(), 'mtm-first-step-'));
  try {
    console.log(await describe(python, old));
    for (const name of values.models.split(',')) {
      const one = CASES[name as keyof typeof CASES];
      if (!one) throw new Error(`--models names ${name}; there are ${Object.keys(CASES).join(', ')}.`);
      const model = await one.modelOf(env, python);
      await compare({ ...one, model, old, python, work: join(work, name), pairs: Number(values.pairs) });
    }
  } finally {
    await rm(work, { recursive: true, force: true });
    await old.remove();
  }
}

interface Comparison {
  name: string;
  atMost: number;
  threads: number;
  model: string;
  old: OldBuild;
  python: string;
  work: string;
  pairs: number;
}

async function compare({ name, atMost, threads, model, old, python, work, pairs }: Comparison): Promise<void> {
  const saved = join(work, 'saved');
  const before = freshTrainers(old.python, old.dir);
  await prepare(saved, model, threads, before);
  const now = await warmTrainers(python);
  const found: { before: Resumed[]; now: Resumed[] } = { before: [], now: [] };
  try {
    const goesOn = join(work, 'goes-on');
    const goOn = (trainers: Trainers) => resume(saved, goesOn, join(work, 'cache'), trainers);
    // As the attempt that was interrupted leaves it, where the same build goes on: what is kept of the model, and tokens. The other build has its own.
    await goOn(now);
    for (const name of (await readdir(join(goesOn, 'work'))).filter((found) => found.startsWith('tokens-')))
      await copyFile(join(goesOn, 'work', name), join(saved, 'work', name));
    await goOn(before);
    for (let pair = 0; pair < pairs; pair++) {
      const sides = [['before', before] as const, ['now', now] as const];
      for (const [side, trainers] of pair % 2 === 0 ? sides : sides.reverse()) found[side].push(await goOn(trainers));
      console.log(
        `${name}, pair ${pair + 1} of ${pairs}: ${round(found.before.at(-1)?.seconds ?? Number.NaN)} s and ${round(found.now.at(-1)?.seconds ?? Number.NaN)} s`,
      );
    }
  } finally {
    await now.close();
  }
  report(name, atMost, found.before, found.now);
}

/** Trains with the old build until it has saved, and kills it. */
async function prepare(dir: string, model: string, threads: number, trainers: Trainers): Promise<void> {
  await mkdir(join(dir, 'work'), { recursive: true });
  const rows = Array.from({ length: ROWS }, (_, i) => ({
    prompt: `What is ${i} + ${7 * i}?`,
    completion: `It is ${8 * i}.`,
    trait: 'sums',
  }));
  await writeFile(join(dir, 'train.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const runFile = await writeRunFile(dir, { model: { name: 'bench/model', path: model }, threads });
  await trainers.run(runFile, join(dir, 'train.log'), ({ type }) => type !== 'checkpoint');
}

/** Goes on from what is in `saved`, in a copy of it, to the end. */
async function resume(saved: string, dir: string, cacheDir: string, trainers: Trainers): Promise<Resumed> {
  await copyOf(saved, dir);
  const given = JSON.parse(await readFile(join(saved, 'run.json'), 'utf8')) as Record<string, unknown>;
  const runFile = await writeRunFile(dir, {
    ...given,
    ...placesIn(dir),
    lease_epoch: 2,
    known_checkpoint_step: SAVED_AT,
    cache_dir: cacheDir,
  });
  const found: Resumed = { seconds: Number.NaN, weights: '', spans: [] };
  let resumedAt: unknown = null;
  const askedAtMs = performance.now();
  await trainers.run(runFile, join(dir, 'train.log'), (event) => {
    if (event.type === 'resumed') resumedAt = event.step;
    if (event.type === 'step' && Number.isNaN(found.seconds)) found.seconds = (performance.now() - askedAtMs) / 1_000;
    if (event.type === 'spans') found.spans = event.spans as SpansEvent['spans'];
    if (event.type === 'done') found.weights = String((event.result as { weights_sha256: string }).weights_sha256);
    return undefined;
  });
  if (resumedAt !== SAVED_AT) throw new Error(`It went on from step ${String(resumedAt)}, not ${SAVED_AT}.`);
  return found;
}

const placesIn = (dir: string) => ({
  data: { train: join(dir, 'train.jsonl'), held_out: null },
  work_dir: join(dir, 'work'),
  output_dir: join(dir, 'work', 'output'),
});

async function writeRunFile(dir: string, changes: Record<string, unknown>): Promise<string> {
  const file = {
    protocol: 1,
    task: 'train',
    run_id: 1,
    lease_epoch: 1,
    training_type: 'qlora',
    embedding_model: null,
    ...placesIn(dir),
    hyperparameters: {
      batch_size: 2,
      gradient_accumulation: 1,
      learning_rate: 1e-3,
      epochs: 1,
      lora_r: 8,
      lora_alpha: 16,
      lora_dropout: 0.1,
      max_length: 64,
      seed: 42,
      save_steps: SAVED_AT,
      max_steps: STEPS,
      batching: 'like_length',
      eval_steps: 0,
      merge: false,
    },
    save_share: null,
    known_checkpoint_step: null,
    validation: { max_rows_per_trait: 4, max_new_tokens: 8 },
    ...changes,
  };
  const path = join(dir, 'run.json');
  await writeFile(path, JSON.stringify(file));
  return path;
}

function report(name: string, atMost: number, before: Resumed[], now: Resumed[]): void {
  const table = new Table({ head: [name, 'median', 'fastest', 'slowest'], style: { head: [], border: [] } });
  for (const [side, found] of [
    ['old build', before],
    ['this build', now],
  ] as const) {
    const seconds = found.map((one) => one.seconds);
    table.push([
      side,
      ...[median(seconds), Math.min(...seconds), Math.max(...seconds)].map((s) => `${round(s ?? Number.NaN)} s`),
    ]);
  }
  console.log(table.toString());
  const names = [...new Set(now.flatMap(({ spans }) => spans.map((span) => span.name)))];
  const spans = new Table({ head: ['of this build', 'from', 'takes'], style: { head: [], border: [] } });
  for (const span of names) {
    const of = now.flatMap((one) => one.spans.filter((found) => found.name === span));
    spans.push([
      span.replaceAll('_', ' '),
      ...[of.map((one) => one.from_s), of.map((one) => one.seconds)].map((s) => `${round(median(s) ?? Number.NaN)} s`),
    ]);
  }
  console.log(spans.toString());
  const ratio =
    (median(now.map((one) => one.seconds)) ?? Number.NaN) / (median(before.map((one) => one.seconds)) ?? Number.NaN);
  const pairs = before.map((one, place) => (now[place]?.seconds ?? Number.NaN) / one.seconds);
  judge([
    { what: `${name}: first step, of that of the old build`, found: ratio, unit: 'x', atMost },
    { what: 'the same, median of the pairs', found: median(pairs), unit: 'x' },
    {
      what: 'different final weights among all of them',
      found: new Set([...before, ...now].map((one) => one.weights)).size - 1,
      unit: '',
      atMost: 0,
    },
  ]);
}

async function describe(python: string, old: OldBuild): Promise<string> {
  const { stdout: here } = await execa('git', ['rev-parse', '--short', 'HEAD'], { cwd: PROJECT_ROOT });
  const ask =
    'import sys, torch, transformers, bitsandbytes; print(f"Python {sys.version.split()[0]}, torch {torch.__version__}, transformers {transformers.__version__}, bitsandbytes {bitsandbytes.__version__}")';
  const versions = async (of: string) => (await execa(of, ['-c', ask])).stdout.trim();
  const [ours, theirs] = [await versions(python), await versions(old.python)];
  return `${cpus().length} x ${cpus()[0]?.model ?? 'CPU'}. This build: ${here}, ${ours}. The old build: ${old.commit}, ${theirs}, a process of its own for each trainer.`;
}
