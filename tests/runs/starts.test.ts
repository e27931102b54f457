import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../../src/platform/failure.ts';
import { ifThere } from '../../src/platform/files.ts';
import { keepStart, startFolder, startIdentity, startOfOutput, startsDir } from '../../src/runs/starts.ts';
import type { TrainingType } from '../../src/trainer/training-types.ts';

describe('what runs begin from', () => {
  let home: string;
  let folder: string;

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'mtm-test-'));
    folder = join(home, 'adapter');
    await mkdir(folder);
    for (const name of ['adapter_config.json', 'adapter_model.safetensors', 'tokenizer.json', 'optimizer.pt'])
      await writeFile(join(folder, name), name);
  });
  afterEach(() => rm(home, { recursive: true, force: true }));

  const found = async () => {
    const start = { kind: 'adapter', folder, name: 'run 1 of job 1' } as const;
    return { ...start, sha256: await startIdentity(start) };
  };

  it('is kept without what only a training goes on with, and outlives whoever made it', async () => {
    // Take every file in `linkStart` (src/runs/starts.ts) and the optimizer's is kept as well.
    const start = await found();
    await keepStart({ home }, start);
    await rm(folder, { recursive: true });
    const kept = startFolder({ home }, start);
    await utimes(kept, 0, 0);
    await keepStart({ home }, start);
    // Leave utimes out of keepStart, and the tidying takes for unused what a request is about to use.
    assert.notEqual((await stat(kept)).mtimeMs, 0);
    assert.deepEqual(await readdir(startsDir({ home })), [start.sha256]);
    const names = ['adapter_config.json', 'adapter_model.safetensors', 'tokenizer.json'];
    assert.deepEqual((await readdir(kept)).sort(), names);
    assert.equal(await startIdentity({ ...start, folder: kept }), start.sha256);
  });

  it('is refused where it is another by now, or gone, and nothing of it is kept', async () => {
    // Leave the comparison out in `keepStart` and what was changed is taken.
    const start = await found();
    await writeFile(join(folder, 'adapter_model.safetensors'), 'trained on');
    const refusal = (message: RegExp) => (error: unknown) => error instanceof UserError && message.test(error.message);
    await assert.rejects(
      keepStart({ home }, start),
      refusal(/is another than it was when the run was asked for\. Put it back/),
    );
    await rm(folder, { recursive: true });
    await assert.rejects(keepStart({ home }, start), refusal(/run 1 of job 1, in .* is not there any more/));
    assert.equal(await ifThere(readdir(startsDir({ home }))), null);
  });

  it('is the whole model where adapters lie upon other weights than the base model', async () => {
    // Leave `liesUponStart` out in `startOfOutput` and it is an adapter, which is of no use upon the base model.
    // Leave `finetuning_type` out there, and adapters are looked for that a dpo of all weights does not have.
    const of = (training_type: TrainingType, hyperparameters = {}) =>
      startOfOutput({ training_type, hyperparameters }, folder);
    await writeFile(join(folder, 'manifest.json'), JSON.stringify({ adapter_upon: 'base', files: {} }));
    assert.equal((await of('lora')).kind, 'adapter');
    assert.equal((await of('dpo', { finetuning_type: 'qlora' })).kind, 'adapter');
    assert.equal((await of('dpo', { finetuning_type: 'full' })).kind, 'model');
    await writeFile(join(folder, 'manifest.json'), JSON.stringify({ adapter_upon: 'start', files: {} }));
    assert.deepEqual(await of('lora'), { kind: 'model', folder });
    assert.equal((await of('standard')).kind, 'model');
  });
});
