import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { PROJECT_ROOT } from '../../src/env.ts';
import { COMPLETE, putInCache } from '../support/base-models.ts';
import { FilesShim, READS } from './files-shim.ts';

describe('a disk with errors', function () {
  this.timeout(60_000);
  let cache: string;
  let shim: FilesShim | null;

  before(async () => {
    cache = await mkdtemp(join(tmpdir(), 'mtm-test-'));
    shim = await FilesShim.build([cache], (sentence) => console.log(`      not tried: ${sentence}`));
    await putInCache(cache, 'org/model', COMPLETE);
  });
  after(async () => {
    await shim?.remove();
    await rm(cache, { recursive: true, force: true });
  });

  it('says nothing about a model: each file of it that cannot be read fails the look, and none calls it unusable', async function () {
    if (!shim) return this.skip();
    // Let fileProblem (src/base-models/weight-files.ts) tell every error as a problem, as before, and a run ended for good.
    const code = `
      const { findModel } = await import('./src/base-models/find-model.ts');
      const places = { modelCache: ${JSON.stringify(cache)}, modelRoots: [], ollamaStore: '/none' };
      const look = () => findModel(places, 'org/model').then(({ available, errors }) => available || errors.join(' '), ({ code }) => code);
      console.log(JSON.stringify(await look()));`;
    const looked: string[] = [];
    for (let skip = 0; ; skip += 1) {
      const trap = await shim.trap({ owner: 0, action: 'EIO', kinds: READS, skip, times: 1, under: cache });
      const { stdout } = await execa(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code], {
        cwd: PROJECT_ROOT,
        env: shim.variables,
      });
      if ((await trap.remove()).struck === 0) break;
      looked.push(JSON.parse(stdout));
    }
    assert.ok(looked.length >= 4, `${looked.length} files were opened`);
    assert.deepEqual(new Set(looked), new Set(['EIO']));
  });
});
