import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { readModelShape } from '../../src/base-models/model-shape.ts';
import { UnknownShape } from '../../src/base-models/stored-tensors.ts';
import { loadEnv, PROJECT_ROOT } from '../../src/platform/env.ts';

/** Each stored in fewer bits, and as the trainer writes it out in 16. */
const MADE = `
import sys
from pathlib import Path
from trainer.base_models.base_in_16_bits import write_out
from trainer.base_models.stored_base import StoredBase
from trainer.tests.architectures import ARCHITECTURES, make
from trainer.tests.quantised import by_awq, by_bitsandbytes, by_compressed_tensors, by_fp8, by_mxfp4, by_preset
from trainer.tests.support import model_path
work = Path(sys.argv[1])
make(next(each for each in ARCHITECTURES if each.model_type == "gpt2"), work / "gpt2")
stored = {
    "nf4": lambda target: by_bitsandbytes(model_path(), target, "nf4", max_shard_size="100KB"),
    "int8": lambda target: by_bitsandbytes(model_path(), target, "int8"),
    "gpt2-nf4": lambda target: by_bitsandbytes(work / "gpt2", target, "nf4"),
    "fp8": lambda target: by_fp8(target, [32, 32]),
    "fp8-one-scale": by_fp8,
    "mxfp4": by_mxfp4,
    "awq": by_awq,
    "packed": by_compressed_tensors,
    "nvfp4": lambda target: by_preset(target, "NVFP4A16"),
    "fp8-dynamic": lambda target: by_preset(target, "FP8_DYNAMIC"),
}
for name, store in stored.items():
    store(work / name)
    write_out(StoredBase(work / name), work / f"{name}-whole")
print(" ".join(stored))`;

describe('a base model in fewer bits than 16', function () {
  this.timeout(180_000);
  let work: string;
  let names: string[];

  before(async () => {
    work = await mkdtemp(join(tmpdir(), 'mtm-test-'));
    const { stdout } = await execa(String(loadEnv().python), ['-c', MADE, work], { cwd: PROJECT_ROOT });
    names = (stdout.split('\n').at(-1) ?? '').split(' ');
  });
  after(() => rm(work, { recursive: true, force: true }));

  it('has the shape of what the trainer writes out of it, by its headers, however it is stored', async () => {
    // Multiply by 4 in place of 8 in `awq` (src/base-models/stored-tensors.ts), or leave `absmax` out of the parts, and it fails.
    assert.equal(names.length, 10);
    for (const name of names) {
      const { fileBytes, storedBytes, ...shape } = await readModelShape(join(work, name));
      const { fileBytes: written, storedBytes: none, ...whole } = await readModelShape(join(work, `${name}-whole`));
      const sorted = (one: typeof shape) => ({
        ...one,
        // Of GPT-2, bitsandbytes stores them turned.
        matrices: one.matrices
          .map(({ name: of, inputs, outputs, experts }) => [of, experts, ...[inputs, outputs].sort()].join(' '))
          .sort(),
      });
      assert.deepEqual(sorted(shape), sorted(whole), name);
      assert.equal(none, null);
      assert.ok(storedBytes !== null && storedBytes < written, `${name}: ${storedBytes} of ${written}`);
      // Its files have headers.
      assert.ok(fileBytes <= written && written < fileBytes + 20_000, `${name}: ${fileBytes} of ${written}`);
    }
  });

  it('has none where its files do not say it, which is a sentence', async () => {
    const path = join(work, 'nvfp4', 'config.json');
    const config = JSON.parse(await readFile(path, 'utf8'));
    delete config.quantization_config.config_groups;
    await writeFile(path, JSON.stringify(config));
    await assert.rejects(readModelShape(join(work, 'nvfp4')), (error) => {
      assert.ok(error instanceof UnknownShape);
      assert.match(error.message, /does not say in how many bits/);
      return true;
    });
  });
});
