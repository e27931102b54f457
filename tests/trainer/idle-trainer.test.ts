import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PROJECT_ROOT } from '../../src/platform/env.ts';
import { startTrainer } from '../../src/trainer/process.ts';
import { PROTOCOL_VERSION } from '../../src/trainer/protocol.ts';
import { TrainResultSchema, ValidationResultSchema } from '../../src/trainer/results.ts';

describe('the trainer of the benches that does nothing', () => {
  let dir: string;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'mtm-test-'));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  for (const [task, schema] of Object.entries({ train: TrainResultSchema, validate: ValidationResultSchema })) {
    it(`gives what the service takes: ${task}`, async () => {
      // Before, its validation had neither verdict nor summary, and `npm run bench -- pool` never came to an end.
      const runFile = join(dir, 'run.json');
      await writeFile(runFile, JSON.stringify({ protocol: PROTOCOL_VERSION, task, output_dir: join(dir, 'output') }));
      const python = join(PROJECT_ROOT, 'tests', 'bench', 'idle_trainer.py');
      const { exited } = await startTrainer({ python, runFile, logFile: join(dir, 'log'), onEvent: () => {} });
      assert.deepEqual(schema.safeParse((await exited).result).error, undefined);
    });
  }
});
