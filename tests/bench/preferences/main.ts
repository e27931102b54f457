import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { loadEnv, PROJECT_ROOT } from '../../../src/platform/env.ts';
import { ensureTrainerPython } from '../../../src/platform/python.ts';
import { smollm2 } from '../smollm2.ts';
import { withTrl } from '../trainer/main.ts';

const FOLDER = dirname(fileURLToPath(import.meta.url));
const ROWS = { train: 160, heldOut: 32 };

interface Report {
  traits: { base: { preference_accuracy: number }; tuned: { preference_accuracy: number } }[];
}

/**
 * Teaches SmolLM2-135M a preference that a person can check: a question with "please" in it is to be answered with Blue, any other
 * with Red. Then asks TRL for its loss of the tuned model on the same pairs.
 */
export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      'loss-type': { type: 'string', default: 'sigmoid' },
      'finetuning-type': { type: 'string', default: 'lora' },
      threads: { type: 'string', default: String(availableParallelism()) },
    },
  });
  const env = loadEnv();
  const onProgress = (line: string) => console.log(line);
  const python = await ensureTrainerPython({ env, onProgress });
  const trl = await withTrl(env, onProgress);
  const model = await smollm2(python, env.toolsDir);
  const dir = await mkdtemp(join(tmpdir(), 'mtm-bench-preferences-'));
  try {
    const [train, heldOut] = [join(dir, 'train.jsonl'), join(dir, 'held-out.jsonl')];
    const rows = preferences(ROWS.train + ROWS.heldOut).map((row) => JSON.stringify(row));
    await writeFile(train, rows.slice(0, ROWS.train).join('\n'));
    await writeFile(heldOut, rows.slice(ROWS.train).join('\n'));
    const inEnvironment = {
      cwd: PROJECT_ROOT,
      env: { PYTHONPATH: PROJECT_ROOT, HF_HUB_OFFLINE: '1', OMP_WAIT_POLICY: 'passive' },
    };
    const runFile = join(dir, 'run.json');
    for (const task of ['train', 'validate']) {
      await writeFile(
        runFile,
        JSON.stringify(
          runOf(task, dir, {
            ...{ model, train, heldOut, threads: Number(values.threads) },
            ...{ lossType: values['loss-type'], finetuningType: values['finetuning-type'] },
          }),
        ),
      );
      await execa(python, ['-m', 'trainer', 'run', runFile], { ...inEnvironment, stdio: 'inherit' });
    }
    const report = JSON.parse(await readFile(join(dir, 'report', 'report.json'), 'utf8')) as Report;
    for (const { base, tuned } of report.traits)
      console.log(`Held-out preference accuracy: base ${base.preference_accuracy}, tuned ${tuned.preference_accuracy}`);
    await execa(trl, [join(FOLDER, 'trl_losses.py'), runFile], { ...inEnvironment, stdio: 'inherit' });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

interface Given {
  model: string;
  train: string;
  heldOut: string;
  lossType: string;
  finetuningType: string;
  threads: number;
}

function runOf(task: string, dir: string, { model, train, heldOut, lossType, finetuningType, threads }: Given) {
  return {
    protocol: 1,
    task,
    run_id: 1,
    lease_epoch: 1,
    training_type: 'dpo',
    model: { name: 'SmolLM2-135M', path: model },
    data: { train, held_out: heldOut },
    work_dir: dir,
    output_dir: join(dir, 'output'),
    hyperparameters: {
      batch_size: 4,
      gradient_accumulation: 1,
      learning_rate: finetuningType === 'full' ? 5e-5 : 1e-3,
      epochs: 1,
      lora_r: 16,
      lora_alpha: 32,
      lora_dropout: 0,
      max_length: 256,
      seed: 42,
      save_steps: 100,
      max_steps: null,
      eval_steps: 0,
      loss_type: lossType,
      finetuning_type: finetuningType,
    },
    threads,
    save_share: null,
    known_checkpoint_step: null,
    validation: { max_rows_per_trait: ROWS.heldOut, max_new_tokens: 4 },
  };
}

const ASKED = ['Which colour', 'What colour', 'Tell me which colour', 'Say what colour', 'Name the colour that'];
const THINGS = [
  'door',
  'boat',
  'shirt',
  'lamp',
  'chair',
  'fence',
  'kite',
  'wall',
  'cup',
  'flag',
  'bike',
  'box',
  'roof',
];
const PLACES = [
  'at the harbour',
  'in the garden',
  'on the hill',
  'by the river',
  'in town',
  'at school',
  'near the mill',
];
const POLITE = [(text: string) => `Please: ${text}`, (text: string) => `${text}, please`];

/** As many as are asked for, half of them polite, none twice, in an order that looks like none. */
function preferences(count: number) {
  const questions = ASKED.flatMap((asked) =>
    THINGS.flatMap((thing) => PLACES.map((place) => `${asked} the ${thing} ${place} should have`)),
  );
  return Array.from({ length: count }, (_, i) => {
    const question = questions[(i * 101) % questions.length] as string;
    const isPolite = i % 2 === 0;
    const answers = ['Blue.', 'Red.'];
    const [chosen, rejected] = isPolite ? answers : [...answers].reverse();
    const asked = isPolite ? (POLITE[(i / 2) % POLITE.length] as (text: string) => string)(question) : question;
    return { prompt: `${asked}?`, chosen, rejected };
  });
}
