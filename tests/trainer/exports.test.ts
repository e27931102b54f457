import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { childEnv, loadEnv, PROJECT_ROOT } from '../../src/platform/env.ts';
import { ensureExportPackages } from '../../src/platform/export-packages.ts';
import { ensureTrainerPython } from '../../src/platform/python.ts';
import { VerificationSchema } from '../../src/trainer/model-export.ts';
import { tinyModel } from '../support/tiny-models.ts';

/** What every training and export is given, and nothing of it matters here. */
const HYPERPARAMETERS = {
  ...{ batch_size: 1, gradient_accumulation: 1, learning_rate: 0.001, epochs: 1, max_length: 128, seed: 1 },
  ...{ lora_r: 4, lora_alpha: 8, lora_dropout: 0, save_steps: 10, max_steps: null, batching: 'random' },
};

describe('the export of a real model', function () {
  this.timeout(300_000);
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mtm-test-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('says what SmolLM2 says, in 16 bits and nearly in 4', async () => {
    // Take Q4_K out of _INSTEAD (trainer/exports/quantising.py): rows of 576 do not go into its blocks of 256.
    const env = loadEnv();
    const python = await ensureTrainerPython({ env, onProgress: () => {} });
    const packages = await ensureExportPackages({ env, python, onProgress: () => {} });
    const model = await tinyModel(env, 'smollm2-135m');
    const asked = ['What is the capital of France?', 'Who wrote Hamlet?', 'Name a colour.', 'What is 2 + 2?'];
    const rows = asked.map((prompt) => JSON.stringify({ prompt, completion: 'I would have to look that up.' }));
    const data = join(folder, 'rows.jsonl');
    await writeFile(data, rows.join('\n'));
    const run = join(folder, 'run.json');
    const paths = { work_dir: folder, output_dir: model, model: { name: 'smollm2', path: model } };
    const given = { protocol: 1, task: 'check', run_id: 1, lease_epoch: 1, training_type: 'standard', threads: 2 };
    const rest = { known_checkpoint_step: null, validation: { max_rows_per_trait: 4, max_new_tokens: 4 } };
    const file = {
      ...given,
      ...paths,
      ...rest,
      data: { train: data, held_out: data },
      hyperparameters: HYPERPARAMETERS,
    };
    await writeFile(run, JSON.stringify(file));
    const wanted = ['f16', 'q4_k_m'].map((quantization) => ({
      run_file: run,
      work: join(folder, 'work'),
      format: 'gguf',
      quantization,
    }));
    await mkdir(join(folder, 'work'));
    const { stdout } = await execa(python, ['-m', 'trainer.tests.exports_here'], {
      cwd: PROJECT_ROOT,
      env: childEnv({ PYTHONPATH: packages }),
      input: JSON.stringify(wanted),
    });
    const made = stdout.split('\n').flatMap((line) => (line.startsWith('EXPORT ') ? [JSON.parse(line.slice(7))] : []));
    const [whole, small] = made.map(({ verification, refused }) => {
      assert.equal(refused, undefined);
      return VerificationSchema.parse(verification);
    });
    assert.equal((whole?.answers.equal ?? 0) + (whole?.answers.nearly ?? 0), asked.length);
    assert.ok(Math.abs(whole?.loss?.difference ?? 1) < 0.005, JSON.stringify(whole));
    console.log(`      in 4 bits the loss is ${small?.loss?.difference.toFixed(3)} nats a token higher`);
  });
});
