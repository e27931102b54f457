import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findModel } from '../../src/base-models/find-model.ts';
import type { Env } from '../../src/platform/env.ts';
import { processStart } from '../../src/platform/process-identity.ts';
import { ensureTrainerPython } from '../../src/platform/python.ts';
import { type StartTrainer, startTrainer } from '../../src/trainer/process.ts';
import { EXIT_CODES, type TrainerEvent } from '../../src/trainer/protocol.ts';
import { WarmPython } from '../../src/trainer/warm-python.ts';
import { processesOf } from '../support/processes.ts';
import { TINY_MODEL, testEnv, until } from '../support/service.ts';
import { putTinyModel } from '../support/tiny-models.ts';

const HYPERPARAMETERS = {
  ...{ batch_size: 2, gradient_accumulation: 1, learning_rate: 0.001, epochs: 1, lora_r: 4, lora_alpha: 8 },
  ...{ lora_dropout: 0.1, max_length: 64, seed: 1, save_steps: 100, max_steps: null, batching: 'like_length' },
};

describe('a warm trainer', function () {
  this.timeout(120_000);
  let env: Env;
  let python: string;
  let dir: string;
  let warm: WarmPython;
  const said: string[] = [];
  const warmPython = (isOn = true) =>
    new WarmPython({ libraries: 'trainings', isOn, idleMs: null, log: (sentence) => said.push(sentence) });
  let model: { name: string; path: string };

  before(async () => {
    env = await testEnv();
    python = await ensureTrainerPython({ env, onProgress: () => {} });
    await putTinyModel(env, 'tiny-random');
    const found = await findModel(env, TINY_MODEL);
    assert.ok(found.path);
    model = { name: TINY_MODEL, path: found.path };
    dir = await mkdtemp(join(tmpdir(), 'mtm-test-'));
    warm = warmPython();
    warm.warmUp(python);
  });
  after(async () => {
    await warm?.close();
    for (const directory of [dir, env.home]) await rm(directory, { recursive: true, force: true });
  });

  /** A run of so many rows under a name of its own. */
  async function start(starter: StartTrainer, name: string, rows = 12) {
    const work = join(dir, name);
    await mkdir(work, { recursive: true });
    const train = join(work, 'train.jsonl');
    const lines = Array.from({ length: rows }, (_, i) =>
      JSON.stringify({ prompt: `${i}?`, completion: `So ${i % 7}.` }),
    );
    await writeFile(train, lines.join('\n'));
    const run = {
      ...{ protocol: 1, task: 'train', run_id: 1, lease_epoch: 1, training_type: 'qlora', model },
      ...{ data: { train, held_out: null }, work_dir: work, output_dir: join(work, 'output') },
      ...{ hyperparameters: HYPERPARAMETERS, threads: 1, save_share: null, known_checkpoint_step: null },
      validation: { max_rows_per_trait: 3, max_new_tokens: 4 },
    };
    const runFile = join(work, 'run.json');
    await writeFile(runFile, JSON.stringify(run));
    const events: TrainerEvent[] = [];
    const logFile = join(work, 'log');
    const trainer = await starter({ python, runFile, logFile, onEvent: (event) => events.push(event) });
    return { trainer, events, logFile, runFile };
  }

  const startWarm: StartTrainer = (options) => startTrainer(options, warm.start);

  it('trains to the weights of one that loads its libraries by itself, run after run', async () => {
    // Take setsid out of trainer/warm.py and kill ends nothing; take dup2(events_fd, 0) out and no command is heard.
    const weights: unknown[] = [];
    for (const [name, starter] of [
      ['cold', startTrainer],
      ['first', startWarm],
      ['second', startWarm],
    ] as const) {
      const exit = await (await start(starter, name)).trainer.exited;
      assert.deepEqual([exit.code, exit.signal], [EXIT_CODES.done, null]);
      weights.push(exit.result?.weights_sha256);
    }
    assert.equal(new Set(weights).size, 1, String(weights));
    assert.equal(typeof weights[0], 'string');
  });

  it('shows each run as what it is, stops when asked, and has its own log', async () => {
    const { trainer, events, logFile, runFile } = await start(startWarm, 'stopped', 400);
    await until('a step', async () => events.find(({ type }) => type === 'step'));
    const shown = (await processesOf(runFile)).find(({ pid }) => pid === trainer.pid);
    assert.match(shown?.command ?? '', /-m trainer \S+run\.json --events-fd \d+ --supervised/);
    trainer.stop();
    const exit = await trainer.exited;
    assert.equal(exit.code, EXIT_CODES.stopped);
    assert.ok(events.some(({ type }) => type === 'checkpoint'));
    await readFile(logFile);
  });

  it('ends with the code of what went wrong, and its sentence', async () => {
    const { trainer } = await start(startWarm, 'empty', 0);
    const exit = await trainer.exited;
    assert.equal(exit.code, EXIT_CODES.badInput);
    assert.match(exit.error?.message ?? '', /no rows/);
  });

  it('is killed, its copies die with it, and the next run starts by itself', async () => {
    const { trainer, events } = await start(startWarm, 'killed', 4000);
    await until('a step', async () => events.find(({ type }) => type === 'step'));
    const [parent] = /PPid:\s+(\d+)/.exec(await readFile(`/proc/${trainer.pid}/status`, 'utf8'))?.slice(1) ?? [];
    process.kill(Number(parent), 'SIGKILL');
    assert.equal((await trainer.exited).signal, 'SIGKILL');
    await until('the copy to be gone', async () => ((await processStart(trainer.pid)) === null ? true : null), 5_000);
    const { trainer: next } = await start(startWarm, 'next');
    assert.equal((await next.exited).code, EXIT_CODES.done);
  });

  it('that cannot be started leaves it to each run', async () => {
    const failing = join(dir, 'python');
    await writeFile(failing, `#!/bin/sh\ncase "$*" in *warm*) exit 3;; esac\nexec '${python}' "$@"\n`, { mode: 0o755 });
    const cold = warmPython();
    const starter: StartTrainer = (options) => startTrainer({ ...options, python: failing }, cold.start);
    assert.equal((await (await start(starter, 'cold')).trainer.exited).code, EXIT_CODES.done);
    await cold.close();
  });
});
