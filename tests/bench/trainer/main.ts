import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { execa } from 'execa';
import { type Env, loadEnv, PROJECT_ROOT } from '../../../src/platform/env.ts';
import { ensurePythonEnvironment, ensureTrainerPython } from '../../../src/platform/python.ts';
import { smollm2 } from '../smollm2.ts';

const FOLDER = dirname(fileURLToPath(import.meta.url));
const PUBLISHED = join(PROJECT_ROOT, '..', 'shared', 'data', 'reasoning-gsm8k.jsonl');
const FACTORY = 'llamafactory==0.9.5';
/** Rows of a step. */
const BATCH_SIZES = { published: 4, short: 8 };
type Rows = keyof typeof BATCH_SIZES;

interface Step {
  tokens: number;
  loss: number;
  seconds: number;
  cpuSeconds: number;
  /** Of the process, so far. */
  peakBytes: number;
}

interface Trainer {
  name: string;
  /** Lets it take one step. */
  step: () => Promise<Step>;
  end: () => void;
}

/** Our trainer, TRL's and LLaMA-Factory, on the same rows: all are loaded, then they take their steps in turn, so that what else the machine does falls on all alike. */
export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      steps: { type: 'string', default: '16' },
      type: { type: 'string', default: 'qlora' },
      data: { type: 'string', default: PUBLISHED },
      rows: { type: 'string', default: 'published' },
      only: { type: 'string' },
    },
  });
  const steps = Number(values.steps);
  const env = loadEnv();
  const onProgress = (line: string) => console.log(line);
  const ours = await ensureTrainerPython({ env, onProgress });
  const trl = await withTrl(env, onProgress);
  const rowsOf: Rows = values.rows === 'short' ? 'short' : 'published';
  const isWanted = (name: string) => !values.only || values.only.split(',').some((part) => name.includes(part));
  const dir = await mkdtemp(join(tmpdir(), 'mtm-bench-trainer-'));
  const trainers: Trainer[] = [];
  try {
    const model = await smollm2(ours, env.toolsDir);
    const wanted = { dir, model, type: values.type, data: values.data, steps, rows: rowsOf };
    const [plain, packing] = [await prepare(wanted, false), await prepare(wanted, true)];
    const rows = join(dir, 'rows.json');
    // The first one writes the rows of all.
    trainers.push(await start('ours, packing', ours, ['ours.py', packing, rows]));
    if (isWanted('ours')) trainers.push(await start('ours', ours, ['ours.py', plain, rows]));
    for (const how of rowsOf === 'short' ? ['tuned'] : ['defaults', 'tuned'])
      if (isWanted(`TRL, ${how}`)) trainers.push(await start(`TRL, ${how}`, trl, ['trl_sft.py', plain, rows, how]));
    const factory = isWanted('LLaMA-Factory') ? await withFactory(env, onProgress) : '';
    for (const how of ['padded', 'packed'])
      if (isWanted(`LLaMA-Factory, ${how}`))
        trainers.push(await start(`LLaMA-Factory, ${how}`, factory, ['factory_sft.py', plain, rows, how]));
    console.log(
      `${values.type}, SmolLM2-135M, ${rowsOf} rows, ${BATCH_SIZES[rowsOf]} in a step, ${steps} steps; ${await versions(trl)}${factory ? `; ${await versions(factory)}` : ''}`,
    );
    print(await inTurns(trainers, steps));
  } finally {
    for (const trainer of trainers) trainer.end();
    await rm(dir, { recursive: true, force: true });
  }
}

/** A Python with the trainer's packages, and TRL. */
export function withTrl(env: Env, onProgress: (line: string) => void): Promise<string> {
  return ensurePythonEnvironment({
    env,
    onProgress,
    what: "the benchmark's Python environment (the trainer's, and TRL)",
    requirements: [
      ...['requirements-torch.txt', 'requirements.txt'].map((name) => join(PROJECT_ROOT, 'trainer', name)),
      join(FOLDER, 'requirements.txt'),
    ],
  });
}

/** A Python with LLaMA-Factory, which asks for earlier versions of most packages. */
async function withFactory(env: Env, onProgress: (line: string) => void): Promise<string> {
  const python = await ensurePythonEnvironment({
    env,
    onProgress,
    what: "the benchmark's Python environment of LLaMA-Factory",
    requirements: ['factory-torch.txt', 'factory-requirements.txt'].map((name) => join(FOLDER, name)),
  });
  // Without what it asks for: of torchaudio, which it imports for models that hear, PyPI has builds for CUDA alone (factory_sft.py).
  await execa(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps', FACTORY]);
  return python;
}

interface Wanted {
  dir: string;
  model: string;
  type: string;
  data: string;
  steps: number;
  rows: Rows;
}

/** Rows for one epoch of so many steps, and the run file, with the service's defaults; but for the learning rate, which stays, so that all trainers have the same. */
async function prepare({ dir, model, type, data, steps, rows }: Wanted, packing: boolean): Promise<string> {
  const train = join(dir, 'train.jsonl');
  const count = steps * BATCH_SIZES[rows];
  const isThere = rows === 'published' && existsSync(data);
  const lines = isThere ? (await readFile(data, 'utf8')).split('\n').slice(0, count) : generated(count, rows);
  await writeFile(train, lines.join('\n'));
  const work = join(dir, packing ? 'packing' : 'plain');
  await mkdir(work);
  const run = {
    protocol: 1,
    task: 'train',
    run_id: 1,
    lease_epoch: 1,
    training_type: type,
    model: { name: 'SmolLM2-135M', path: model },
    data: { train, held_out: null },
    work_dir: work,
    output_dir: join(work, 'output'),
    hyperparameters: {
      batch_size: BATCH_SIZES[rows],
      gradient_accumulation: 1,
      learning_rate: type === 'standard' ? 2e-5 : 2e-4,
      lr_scheduler: 'constant',
      epochs: 1,
      lora_r: 16,
      lora_alpha: 32,
      lora_dropout: 0.05,
      max_length: 1024,
      seed: 42,
      save_steps: 1000,
      max_steps: null,
      batching: 'like_length',
      packing,
    },
    threads: availableParallelism(),
    save_share: null,
    known_checkpoint_step: null,
    validation: { max_rows_per_trait: 1, max_new_tokens: 1 },
  };
  const path = join(work, 'run.json');
  await writeFile(path, JSON.stringify(run));
  return path;
}

/** Sums, with 3 to 40 numbers each, where no published data is at hand; of short rows, with 2 to 13 (55 to 240 tokens of SmolLM2). */
function generated(count: number, rows: Rows): string[] {
  const [least, more] = rows === 'short' ? [2, 12] : [3, 38];
  return Array.from({ length: count }, (_, row) => {
    const numbers = Array.from({ length: least + ((row * 17) % more) }, (_, i) => (row * 31 + i * 7) % 100);
    const sums = numbers.map((_, i) => numbers.slice(0, i + 1).reduce((total, number) => total + number));
    const answer = numbers.map((number, i) => `${sums[i - 1] ?? 0} + ${number} = ${sums[i]}`).join('\n');
    return JSON.stringify({ question: `What is ${numbers.join(' + ')}? Go step by step.`, answer });
  });
}

/** Starts one and lets it take a first step, which is not measured. */
async function start(name: string, python: string, [script = '', ...args]: string[]): Promise<Trainer> {
  const child = execa(python, [join(FOLDER, script), ...args], {
    env: { PYTHONPATH: PROJECT_ROOT, HF_HUB_OFFLINE: '1', TOKENIZERS_PARALLELISM: 'false', OMP_WAIT_POLICY: 'passive' },
    cwd: PROJECT_ROOT,
    reject: false,
    buffer: { stdout: false, stderr: true },
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let told = 0;
  const step = async (): Promise<Step> => {
    child.stdin.write('go\n');
    for (;;) {
      const { value, done } = await lines.next();
      if (done) throw new Error(`${name} ended early:\n${String((await child).stderr).slice(-2000)}`);
      if (!value.startsWith('{"tokens"')) continue;
      const { tokens, ...rest } = JSON.parse(value) as Step;
      const own = tokens - told;
      told = tokens;
      return { ...rest, tokens: own };
    }
  };
  const trainer = { name, step, end: () => child.kill('SIGKILL') };
  firstStep.set(trainer, await step());
  return trainer;
}

const firstStep = new Map<Trainer, Step>();

async function inTurns(trainers: Trainer[], steps: number): Promise<Map<string, Step[]>> {
  const taken = new Map(trainers.map((trainer) => [trainer.name, [firstStep.get(trainer) as Step]]));
  for (let i = 1; i < steps; i++) {
    // Each is first in its turn.
    for (let k = 0; k < trainers.length; k++) {
      const trainer = trainers[(i + k) % trainers.length] as Trainer;
      taken.get(trainer.name)?.push(await trainer.step());
    }
  }
  return taken;
}

async function versions(python: string): Promise<string> {
  const code =
    'import importlib.util as u; from importlib.metadata import version as v; print(", ".join(f"{n} {v(n)}" for n in ("torch", "transformers", "peft", "bitsandbytes", "trl", "llamafactory") if u.find_spec(n)))';
  return (await execa(python, ['-c', code])).stdout;
}

function print(taken: Map<string, Step[]>): void {
  const table = new Table({
    head: [
      '',
      'tokens',
      'tokens/s',
      'tokens per CPU second',
      'ours against it',
      'by CPU time',
      'peak memory',
      'mean loss',
      'loss against ours',
    ],
    style: { head: [] },
  });
  const rows = [...taken].map(([name, steps]) => {
    const measured = steps.slice(1);
    const sum = (of: (step: Step) => number) => measured.reduce((total, step) => total + of(step), 0);
    const tokens = sum((step) => step.tokens);
    const loss = steps.reduce((total, step) => total + step.loss, 0) / steps.length;
    return {
      name,
      tokens,
      rate: tokens / sum((s) => s.seconds),
      cpuRate: tokens / sum((s) => s.cpuSeconds),
      loss,
      peak: steps.at(-1)?.peakBytes ?? 0,
    };
  });
  const [first] = rows;
  if (!first) return;
  for (const { name, tokens, rate, cpuRate, loss, peak } of rows) {
    table.push([
      name,
      tokens,
      rate.toFixed(1),
      cpuRate.toFixed(1),
      `${(first.rate / rate).toFixed(2)} x`,
      `${(first.cpuRate / cpuRate).toFixed(2)} x`,
      `${(peak / 1e9).toFixed(2)} GB`,
      loss.toFixed(4),
      `${((loss / first.loss - 1) * 100).toFixed(2)} %`,
    ]);
  }
  console.log(table.toString());
}
