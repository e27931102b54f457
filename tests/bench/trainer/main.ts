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
const BATCH_SIZE = 4;

interface Step {
  tokens: number;
  loss: number;
  seconds: number;
  cpuSeconds: number;
}

interface Trainer {
  name: string;
  /** Lets it take one step. */
  step: () => Promise<Step>;
  end: () => void;
}

/** Our trainer and TRL's, on the same rows: all are loaded, then they take their steps in turn, so that what else the machine does falls on all alike. */
export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      steps: { type: 'string', default: '16' },
      type: { type: 'string', default: 'qlora' },
      data: { type: 'string', default: PUBLISHED },
    },
  });
  const steps = Number(values.steps);
  const env = loadEnv();
  const onProgress = (line: string) => console.log(line);
  const ours = await ensureTrainerPython({ env, onProgress });
  const trl = await withTrl(env, onProgress);
  const dir = await mkdtemp(join(tmpdir(), 'mtm-bench-trainer-'));
  const trainers: Trainer[] = [];
  try {
    const runFile = await prepare(dir, await smollm2(ours, env.toolsDir), values.type, values.data, steps);
    const rows = join(dir, 'rows.json');
    trainers.push(await start('ours', ours, ['ours.py', runFile, rows]));
    for (const how of ['defaults', 'tuned'])
      trainers.push(await start(`TRL, ${how}`, trl, ['trl_sft.py', runFile, rows, how]));
    console.log(`${values.type}, SmolLM2-135M, batches of ${BATCH_SIZE}, ${steps} steps; ${await versions(trl)}`);
    print(await inTurns(trainers, steps));
    console.log('LLaMA-Factory: left out, since it imports torchaudio, whose only build for Linux on PyPI needs CUDA.');
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

/** Rows for one epoch of so many steps, and the run file, with the service's defaults. */
async function prepare(dir: string, modelPath: string, type: string, data: string, steps: number): Promise<string> {
  const train = join(dir, 'train.jsonl');
  const count = steps * BATCH_SIZE;
  const lines = existsSync(data) ? (await readFile(data, 'utf8')).split('\n').slice(0, count) : generated(count);
  await writeFile(train, lines.join('\n'));
  await mkdir(join(dir, 'work'));
  const run = {
    protocol: 1,
    task: 'train',
    run_id: 1,
    lease_epoch: 1,
    training_type: type,
    model: { name: 'SmolLM2-135M', path: modelPath },
    data: { train, held_out: null },
    work_dir: join(dir, 'work'),
    output_dir: join(dir, 'output'),
    hyperparameters: {
      batch_size: BATCH_SIZE,
      gradient_accumulation: 1,
      learning_rate: 2e-4,
      epochs: 1,
      lora_r: 16,
      lora_alpha: 32,
      lora_dropout: 0.05,
      max_length: 1024,
      seed: 42,
      save_steps: 1000,
      max_steps: null,
      batching: 'like_length',
    },
    threads: availableParallelism(),
    save_share: null,
    known_checkpoint_step: null,
    validation: { max_rows_per_trait: 1, max_new_tokens: 1 },
  };
  const path = join(dir, 'run.json');
  await writeFile(path, JSON.stringify(run));
  return path;
}

/** Sums, with 3 to 40 numbers each, where no published data is at hand. */
function generated(count: number): string[] {
  return Array.from({ length: count }, (_, row) => {
    const numbers = Array.from({ length: 3 + ((row * 17) % 38) }, (_, i) => (row * 31 + i * 7) % 100);
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
    'from importlib.metadata import version as v; print(", ".join(f"{n} {v(n)}" for n in ("torch", "transformers", "peft", "bitsandbytes", "trl")))';
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
    return { name, tokens, rate: tokens / sum((s) => s.seconds), cpuRate: tokens / sum((s) => s.cpuSeconds), loss };
  });
  const [first] = rows;
  if (!first) return;
  for (const { name, tokens, rate, cpuRate, loss } of rows) {
    table.push([
      name,
      tokens,
      rate.toFixed(1),
      cpuRate.toFixed(1),
      `${(first.rate / rate).toFixed(2)} x`,
      `${(first.cpuRate / cpuRate).toFixed(2)} x`,
      loss.toFixed(4),
      `${((loss / first.loss - 1) * 100).toFixed(2)} %`,
    ]);
  }
  console.log(table.toString());
}
