import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { childEnv, PROJECT_ROOT } from '../../src/platform/env.ts';
import { ensureTrainerPython } from '../../src/platform/python.ts';
import { median } from '../support/figures.ts';
import { testEnv } from '../support/service.ts';
import { putTinyModel } from '../support/tiny-models.ts';
import { smollm2 } from './smollm2.ts';

/** The last build whose trainer stood still while it saved. */
export const BEFORE = 'ec24265';
const MOST_OF_BEFORE = 0.5;
/** Fewer steps without a save say little of what one takes. */
const FEWEST_STEPS = 5;

interface Training {
  model: 'tiny' | 'smollm2';
  type: string;
  batchSize: number;
  checkpoints: number;
}

const TRAININGS: Record<string, Training> = {
  'tiny-standard': { model: 'tiny', type: 'standard', batchSize: 4, checkpoints: 30 },
  'smollm2-qlora': { model: 'smollm2', type: 'qlora', batchSize: 1, checkpoints: 8 },
  'smollm2-standard': { model: 'smollm2', type: 'standard', batchSize: 1, checkpoints: 8 },
};

/** What a checkpoint of one training took, in milliseconds, and the step that all are compared with. */
interface Measured {
  step: number;
  /** Of each: how much longer the steps took in which it was saved than the others until the next one. */
  costs: number[];
  /** From its step until it is durable, and how long of that the training stood still; medians. */
  saving: number;
  waited: number;
}

/**
 * What a checkpoint costs: `python -m trainer run.json` with one after every so many steps, of this build and of an earlier one,
 * in turns. It is compared within a training, which other work on the machine hits less than the
 * difference of two: by how much the steps from the checkpoint's until it was durable took longer than those from there to the next checkpoint.
 */
export async function checkpointOverhead(
  everySteps: number,
  before: string,
  names: string[],
  pairs: number,
  threads: number,
): Promise<void> {
  const unknown = names.filter((name) => !(name in TRAININGS));
  if (unknown.length)
    throw new Error(`--models: ${unknown.join(', ')}; known are ${Object.keys(TRAININGS).join(', ')}`);
  const env = await testEnv();
  const dir = await mkdtemp(join(tmpdir(), 'mtm-bench-overhead-'));
  const builds = { before: join(dir, 'before'), now: PROJECT_ROOT };
  try {
    await unpack(before, builds.before);
    const python = await ensureTrainerPython({ env, onProgress: (line) => console.log(line) });
    await tellMachine(python, before, threads);
    for (const name of names) {
      const training = TRAININGS[name] as Training;
      const model = training.model === 'tiny' ? await tiny(env) : await smollm2(python, env.toolsDir);
      const costs: Record<keyof typeof builds, number[]> = { before: [], now: [] };
      for (let pair = 1; pair <= pairs; pair++) {
        const turns = Object.keys(builds) as (keyof typeof builds)[];
        // The other way round in every second turn: what comes later meets a warmer machine.
        for (const build of pair % 2 ? turns : turns.toReversed()) {
          const seen = await measured(builds[build], python, join(dir, 'work'), model, training, everySteps, threads);
          costs[build].push(...seen.costs);
          console.log(
            `${name}, pair ${pair}, ${build}: ${ms(seen.step)} a step, ${ms(median(seen.costs))} more for a checkpoint (median of ${seen.costs.length}); ` +
              `durable after ${ms(seen.saving)}, training stood still for ${ms(seen.waited)}`,
          );
        }
      }
      const [was, is] = [median(costs.before) ?? Number.NaN, median(costs.now) ?? Number.NaN];
      const ratio = is / was;
      console.log(
        `${name}: a checkpoint costs ${ms(was)} before, ${ms(is)} now (medians of ${costs.before.length} and ${costs.now.length}): ratio ${ratio.toFixed(2)}, ` +
          `wanted at most ${MOST_OF_BEFORE}: ${ratio <= MOST_OF_BEFORE ? 'as wanted' : 'TOO MUCH'}`,
      );
    }
  } finally {
    await rm(dir, { recursive: true, force: true });
    await rm(env.home, { recursive: true, force: true });
  }
}

/** The trainer of a commit, which needs no building. */
async function unpack(commit: string, dir: string): Promise<void> {
  await mkdir(dir);
  const archive = join(dir, 'trainer.tar');
  await execa('git', ['archive', '-o', archive, commit, 'trainer'], { cwd: PROJECT_ROOT });
  await execa('tar', ['-xf', archive, '-C', dir]);
}

async function tellMachine(python: string, before: string, threads: number): Promise<void> {
  const commits = await Promise.all(
    [before, 'HEAD'].map(
      async (commit) => (await execa('git', ['rev-parse', '--short', commit], { cwd: PROJECT_ROOT })).stdout,
    ),
  );
  const versions =
    'from importlib.metadata import version as v; print(*(f"{n} {v(n)}" for n in ("torch", "transformers", "peft")), sep=", ")';
  const { stdout } = await execa(python, ['-c', versions]);
  const load = loadavg()[0]?.toFixed(1);
  console.log(
    `${commits[0]} before, ${commits[1]} now; ${threads} threads on ${availableParallelism()} cores (${cpus()[0]?.model}), load ${load}; ${stdout}`,
  );
}

async function tiny(env: Awaited<ReturnType<typeof testEnv>>): Promise<string> {
  await putTinyModel(env, 'tiny-random');
  const [name] = (await readdir(env.modelCache)).filter((entry) => entry.startsWith('models--'));
  const snapshots = join(env.modelCache, name ?? '', 'snapshots');
  return join(snapshots, (await readdir(snapshots))[0] ?? '');
}

/** One training of one build, in a folder of its own that is gone afterwards. */
async function measured(
  build: string,
  python: string,
  dir: string,
  model: string,
  { type, batchSize, checkpoints }: Training,
  everySteps: number,
  threads: number,
): Promise<Measured> {
  await mkdir(dir);
  try {
    const train = join(dir, 'train.jsonl');
    const rows = Array.from({ length: 256 }, (_, n) => ({
      prompt: `What is learned by heart as number ${n}?`,
      completion: `some words, and the number ${n % 7}`,
    }));
    await writeFile(train, rows.map((row) => JSON.stringify(row)).join('\n'));
    const path = join(dir, 'run.json');
    const run = {
      ...{ protocol: 1, task: 'train', run_id: 1, lease_epoch: 1, training_type: type },
      model: { name: 'bench', path: model },
      data: { train, held_out: null },
      ...{ work_dir: dir, output_dir: join(dir, 'output'), threads, save_share: null, known_checkpoint_step: null },
      hyperparameters: {
        ...{ batch_size: batchSize, gradient_accumulation: 1, learning_rate: 1e-4, epochs: 1_000, max_length: 64 },
        ...{ lora_r: 16, lora_alpha: 32, lora_dropout: 0.05, seed: 42, batching: 'like_length' },
        ...{ save_steps: everySteps, max_steps: checkpoints * everySteps },
      },
      validation: { max_rows_per_trait: 1, max_new_tokens: 1 },
    };
    await writeFile(path, JSON.stringify(run));
    return await timesOf(build, python, path, everySteps);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function timesOf(build: string, python: string, runFile: string, everySteps: number): Promise<Measured> {
  const child = execa(python, ['-u', '-m', 'trainer', 'run', runFile, '--events-fd', '3'], {
    cwd: build,
    env: childEnv({ PYTHONDONTWRITEBYTECODE: '1' }),
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  });
  const at: number[] = [];
  const saved = new Map<number, { told: number; seconds: number; waited_seconds?: number }>();
  const lines = createInterface({ input: child.stdio[3] as NodeJS.ReadableStream });
  lines.on('line', (line) => {
    const event = JSON.parse(line);
    if (event.type === 'step') at[event.step] = performance.now();
    if (event.type === 'checkpoint') saved.set(event.step, { ...event, told: performance.now() });
  });
  await Promise.all([child, once(lines, 'close')]);
  const steps = Array.from({ length: at.length - 1 }, (_, step) => step).filter((step) => step > 0);
  const took = (step: number) => (at[step + 1] ?? Number.NaN) - (at[step] ?? Number.NaN);
  // Of the first, libraries are loaded and memory is taken for the first time; for the last, every training waits.
  const counted = [...saved].slice(1, -1);
  const isSaving = (step: number) => [...saved].some(([of, { told }]) => of <= step && (at[step] ?? 0) < told);
  const undisturbed = steps.filter((step) => step >= everySteps && !isSaving(step)).map(took);
  const costs = counted.map(([of, { told }]) => {
    const until = steps.filter((step) => step >= of && step < of + everySteps);
    const during = until.filter((step) => (at[step] ?? 0) < told).map(took);
    const rest = until.filter((step) => !isSaving(step)).map(took);
    const step = median(rest.length >= FEWEST_STEPS ? rest : undisturbed) ?? Number.NaN;
    return during.reduce((sum, time) => sum + time - step, 0);
  });
  const middle = (values: number[]) => 1_000 * (median(values) ?? Number.NaN);
  return {
    step: median(undisturbed) ?? Number.NaN,
    costs,
    saving: middle(counted.map(([, { seconds }]) => seconds)),
    waited: middle(counted.map(([, { seconds, waited_seconds }]) => waited_seconds ?? seconds)),
  };
}

function ms(value: number | null): string {
  return value === null ? '-' : `${value.toFixed(value < 100 ? 1 : 0)} ms`;
}
