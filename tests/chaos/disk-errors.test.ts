import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { PROJECT_ROOT } from '../../src/platform/env.ts';
import { COMPLETE, putInCache } from '../support/base-models.ts';
import { CHANGES, FilesShim, READS, type Trap } from './files-shim.ts';

describe('a disk with errors', function () {
  // Some forty processes, one after the other: on a busy machine of two cores each takes seconds.
  this.timeout(240_000);
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

  it('keeps no model from being published, and leaves nothing beside it', async function () {
    if (!shim) return this.skip();
    // Before, a link that such an error hit was told as one that cannot be, and its draft stayed. Node has no name for ESTALE.
    const out = join(cache, 'out');
    const code = `
      const { RunFolder } = await import('./src/runs/run-folder.ts');
      const { isOfTheMachine } = await import('./src/platform/failure-of.ts');
      const folder = new RunFolder({ home: ${JSON.stringify(cache)} }, { id: 7, workflow_id: 'job-7-run-1', spec: { output_directory: ${JSON.stringify(out)} } });
      const ended = await folder.publish(folder.paths.staging(1), undefined).then(() => folder.linkLatest()).catch( (error) => isOfTheMachine(error) ? 'again' : String(error));
      console.log(JSON.stringify(ended));`;
    const { variables } = shim;
    const publish = async (): Promise<string | null> => {
      const args = ['--import', 'tsx', '--input-type=module', '-e', code];
      const { stdout } = await execa(process.execPath, args, { cwd: PROJECT_ROOT, env: variables });
      return JSON.parse(stdout);
    };
    for (const action of ['EIO', 'ESTALE'] as const) {
      for (let skip = 0; ; skip += 1) {
        await rm(out, { recursive: true, force: true });
        const staging = join(out, '.job-7-run-1.partial-e1');
        await mkdir(staging, { recursive: true });
        await writeFile(join(staging, 'manifest.json'), '{}');
        const trap: Trap = await shim.trap({ owner: 0, action, kinds: CHANGES, skip, times: 2, under: out });
        const said = await publish();
        const { struck } = await trap.remove();
        assert.equal(said, struck === 0 ? null : 'again', `${action} at call ${skip}`);
        assert.equal(await publish(), null);
        assert.deepEqual((await readdir(out)).sort(), ['job-7-run-1', 'latest']);
        if (struck === 0) break;
        assert.ok(skip < 20);
      }
    }
  });
});
