import assert from 'node:assert/strict';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { trainerPythonOf } from '../../src/platform/python.ts';
import { testEnv } from '../support/service.ts';

describe("the trainer's Python", () => {
  it('is looked for once, and again where it is gone', async () => {
    // Look each time, and each claim waits for a process; never again, and a worker goes on with one that is not there.
    const dir = await mkdtemp(join(tmpdir(), 'mtm-python-'));
    const [python, asked] = [join(dir, 'python'), join(dir, 'asked')];
    try {
      await writeFile(python, `#!/bin/sh\necho once >> ${asked}\n`);
      await chmod(python, 0o755);
      const find = trainerPythonOf({ env: { ...(await testEnv()), python }, onProgress: () => {} });
      assert.deepEqual([await find(), await find()], [python, python]);
      assert.equal(await readFile(asked, 'utf8'), 'once\n');
      await rm(python);
      await assert.rejects(find(), /MTM_PYTHON .* cannot run the trainer/);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });
});
