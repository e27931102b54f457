import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { PROJECT_ROOT } from '../../src/platform/env.ts';
import { CHANGES, FilesShim } from './files-shim.ts';
import { lose, unsyncedOf } from './power-loss.ts';

describe('the file calls of a process', function () {
  this.timeout(60_000);
  let home: string;
  let shim: FilesShim | null;

  before(async () => {
    home = await mkdtemp(join(tmpdir(), 'mtm-test-'));
    await mkdir(join(home, 'runs'));
    shim = await FilesShim.build([join(home, 'runs')], (sentence) => console.log(`      not tried: ${sentence}`));
  });
  after(async () => {
    await shim?.remove();
    await rm(home, { recursive: true, force: true });
  });

  /** What a program of Node's does, in the folder of the runs. */
  const run = (shim: FilesShim, code: string) =>
    execa(process.execPath, ['-e', `const fs = require('node:fs'); ${code}`], {
      cwd: join(home, 'runs'),
      env: { ...shim.variables, RUNS: join(home, 'runs') },
      reject: false,
    });

  it('leave of a loss of power what was synced, and what was there before', async function () {
    if (!shim) return this.skip();
    // Note no syncs in files-shim.c and `whole` is lost; note no renames and `whole` keeps its new content.
    await run(
      shim,
      `const at = (name) => process.env.RUNS + '/' + name;
       const sync = (name) => { const file = fs.openSync(at(name)); fs.fsyncSync(file); fs.closeSync(file); };
       for (const name of ['whole', 'long']) { fs.writeFileSync(at(name), 'old'); sync(name); }
       sync('');
       fs.appendFileSync(at('long'), ' and new');
       fs.mkdirSync(at('folder'));
       fs.writeFileSync(at('folder/in it'), 'x');
       fs.writeFileSync(at('draft'), 'new'); sync('draft');
       fs.renameSync(at('draft'), at('whole'));`,
    );
    const calls = await shim.log();
    // Of this seed all is lost.
    await lose(unsyncedOf(calls), 'all 1');
    const names = (await readdir(join(home, 'runs'))).filter((name) => !name.startsWith('.'));
    assert.deepEqual(names.sort(), ['long', 'whole']);
    assert.equal(await readFile(join(home, 'runs', 'whole'), 'utf8'), 'old');
    assert.match(await readFile(join(home, 'runs', 'long'), 'utf8'), /^old\0*$/);
  });

  it('leave nothing of ours to a loss of power where folders are made and a model is published', async function () {
    if (!shim) return this.skip();
    // Before, the names of new folders were not synced. Let makeFolder (src/platform/durable-files.ts) only make them and they are lost.
    // Nor was the link `latest`: take makeDurable out of linkLatest (src/runs/run-folder.ts) and it is.
    const own = await mkdtemp(join(tmpdir(), 'mtm-test-'));
    const other = await FilesShim.build(
      ['uploads', 'datasets', 'runs', 'out'].map((name) => join(own, name)),
      () => {},
    );
    if (!other) return this.skip();
    try {
      const code = `
        const { makeFolders } = await import('./src/commands/datasets/storage.ts');
        const { RunFolder } = await import('./src/runs/run-folder.ts');
        const home = ${JSON.stringify(own)};
        await makeFolders({ home });
        const spec = { output_directory: home + '/out' };
        const { makeFolder, writeDurably } = await import('./src/platform/durable-files.ts');
        const folder = new RunFolder({ home }, { id: 7, workflow_id: 'job-7-run-1', spec });
        await folder.make();
        const staging = folder.paths.staging(1);
        await makeFolder(staging);
        await writeDurably(staging + '/manifest.json', '{}');
        await folder.publish(staging, undefined);
        await folder.linkLatest();`;
      await execa(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code], {
        cwd: PROJECT_ROOT,
        env: other.variables,
      });
      const { names, contents } = unsyncedOf(await other.log());
      assert.deepEqual([names, [...contents]], [[], []]);
      assert.deepEqual((await readdir(own)).sort(), ['datasets', 'out', 'runs', 'uploads']);
      assert.deepEqual((await readdir(join(own, 'out'))).sort(), ['job-7-run-1', 'latest']);
    } finally {
      await other.remove();
      await rm(own, { recursive: true, force: true });
    }
  });

  it('leave no note of an upload that does not say whose it is', async function () {
    if (!shim) return this.skip();
    // The disk fails before the note is synced, and its folder is synced for another one. Write the note under its own name in
    // src/commands/datasets/notes.ts, and it is there without its content.
    const own = await mkdtemp(join(tmpdir(), 'mtm-test-'));
    const other = await FilesShim.build([own], () => {});
    if (!other) return this.skip();
    const trap = await other.trap({ owner: 0, action: 'EIO', kinds: CHANGES, skip: 1, times: 1, under: own });
    try {
      const code = `
        const { holdNote } = await import('./src/commands/datasets/notes.ts');
        const { makeDurable } = await import('./src/platform/durable-files.ts');
        await holdNote(${JSON.stringify(join(own, 'note'))}, 'host').catch((error) => console.log(error.code));
        await makeDurable(${JSON.stringify(own)});`;
      const { stdout } = await execa(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code], {
        cwd: PROJECT_ROOT,
        env: other.variables,
      });
      assert.equal(stdout, 'EIO', JSON.stringify(await other.log()));
      await lose(unsyncedOf(await other.log()), 'all 1');
      assert.deepEqual(await readdir(own), []);
    } finally {
      await trap.remove();
      await other.remove();
      await rm(own, { recursive: true, force: true });
    }
  });

  it('fail, or stand still, where a trap is set for them', async function () {
    if (!shim) return this.skip();
    const make = `fs.mkdirSync(process.env.RUNS + '/' + process.argv[1])`;
    const trap = await shim.trap({ owner: 0, action: 'EIO', kinds: CHANGES, skip: 1, times: 1 });
    const { stderr } = await run(
      shim,
      `${make.replace('process.argv[1]', "'a1'")}; ${make.replace('process.argv[1]', "'b1'")}`,
    );
    assert.match(stderr, /EIO: i\/o error, mkdir '.*\/b1'/);
    assert.equal((await trap.look()).struck, 1);
    await trap.remove();
    const site = 'other mkdir runs/c#';
    const still = await shim.trap({ owner: 0, action: 'stop', kinds: CHANGES, skip: 0, times: 1, site });
    const stopped = run(shim, `for (const name of ['d1', 'c1', 'e1']) fs.mkdirSync(process.env.RUNS + '/' + name);`);
    for (;;) {
      const { struck, pid } = await still.look();
      if (struck === 1 && /^State:\s+T/m.test(await readFile(`/proc/${pid}/status`, 'utf8'))) {
        assert.deepEqual(
          (await readdir(join(home, 'runs'))).filter((name) => /^[cde]1$/.test(name)),
          ['d1'],
        );
        process.kill(pid, 'SIGCONT');
        break;
      }
    }
    await stopped;
    assert.equal((await readdir(join(home, 'runs'))).filter((name) => /^[cde]1$/.test(name)).length, 3);
  });
});
