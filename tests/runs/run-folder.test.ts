import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { lastClaimOf, RunFolder } from '../../src/runs/run-folder.ts';

const MANIFEST = '{"files": {}}';
const SHA256 = createHash('sha256').update(MANIFEST).digest('hex');

describe('the folder of a run', () => {
  let home: string;
  let folder: RunFolder;

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'mtm-test-'));
    folder = new RunFolder(
      { home },
      { id: 7, workflow_id: 'job-7-run-1', spec: { output_directory: join(home, 'out') } },
    );
    await mkdir(join(home, 'out'), { recursive: true });
  });
  afterEach(() => rm(home, { recursive: true, force: true }));

  const inForce = (epoch: number) => ({ epoch, requireInForce: () => {} });
  async function exported(epoch: number): Promise<string> {
    const staging = folder.paths.staging(epoch);
    await mkdir(staging, { recursive: true });
    await writeFile(join(staging, 'manifest.json'), MANIFEST);
    await writeFile(join(staging, 'model.safetensors'), `weights of claim ${epoch}`);
    return staging;
  }
  const outputs = async () => (await readdir(join(home, 'out'))).sort();

  it('removes exports of older claims alone', async () => {
    // Before, a worker whose claim was another's by then removed the finished model of that one: exports of every epoch went.
    for (const epoch of [1, 2, 3]) await exported(epoch);
    await folder.removeOlderExports(inForce(2));
    assert.deepEqual(await outputs(), ['.job-7-run-1.partial-e2', '.job-7-run-1.partial-e3']);
  });

  it('removes nothing under a claim that is not in force any more', async () => {
    await exported(1);
    const lost = {
      epoch: 2,
      requireInForce: () => {
        throw new Error('lost');
      },
    };
    await assert.rejects(folder.removeOlderExports(lost), /lost/);
    assert.deepEqual(await outputs(), ['.job-7-run-1.partial-e1']);
  });

  it('writes and removes nothing where a link stands in place of a folder', async () => {
    // Before, whatever a run did there was done where the link led. Take requireNoLinks out of publish and the model goes there.
    const elsewhere = await mkdtemp(join(tmpdir(), 'mtm-test-'));
    try {
      await mkdir(dirname(folder.paths.dir), { recursive: true });
      await symlink(elsewhere, folder.paths.dir);
      const refused = /runs\/7 is a link to .*put the folder back/;
      await assert.rejects(folder.make(), refused);
      await assert.rejects(folder.writeRunFile({ task: 'train', lease_epoch: 1 }), refused);
      await mkdir(join(elsewhere, 'checkpoints'));
      await assert.rejects(folder.removeWork(), refused);
      await rm(folder.paths.dir);
      const staging = await exported(1);
      await rename(join(home, 'out'), join(home, 'moved'));
      await mkdir(join(elsewhere, '.job-7-run-1.partial-e1'));
      await symlink(elsewhere, join(home, 'out'));
      await assert.rejects(folder.publish(staging, SHA256), /leads to .* through a link/);
      await folder.removeExports();
      assert.deepEqual((await readdir(elsewhere)).sort(), ['.job-7-run-1.partial-e1', 'checkpoints']);
    } finally {
      await rm(elsewhere, { recursive: true });
    }
  });

  it('publishes once, whoever does it again, also two at once', async () => {
    // Before, the second of two moved the published model away as one of a database that is gone.
    const staging = await exported(1);
    await Promise.all([folder.publish(staging, SHA256), folder.publish(staging, SHA256)]);
    await folder.publish(staging, SHA256);
    assert.deepEqual(await Promise.all([folder.linkLatest(), folder.linkLatest()]), [null, null]);
    assert.deepEqual(await outputs(), ['job-7-run-1', 'latest']);
    assert.equal(await readlink(join(home, 'out', 'latest')), 'job-7-run-1');
  });

  it('keeps what is in its place and is another model', async () => {
    for (const put of [
      async (path: string) => {
        await mkdir(path);
        await writeFile(join(path, 'manifest.json'), 'of another database');
      },
      (path: string) => writeFile(path, 'a file'),
      (path: string) => symlink('/nowhere', path),
    ]) {
      await rm(join(home, 'out'), { recursive: true });
      const staging = await exported(1);
      await put(folder.paths.output);
      await folder.publish(staging, SHA256);
      const [older, output] = (await outputs()).sort((a, b) => b.length - a.length);
      assert.match(String(older), /^job-7-run-1\.older-\d+$/);
      assert.equal(output, 'job-7-run-1');
      assert.equal(await readFile(join(folder.paths.output, 'model.safetensors'), 'utf8'), 'weights of claim 1');
    }
  });

  it('is published also where the link `latest` cannot be set, and says so', async () => {
    // Before, the run was tried again for ever, at 99 %.
    const staging = await exported(1);
    await mkdir(join(home, 'out', 'latest', 'of somebody'), { recursive: true });
    await folder.publish(staging, SHA256);
    assert.match(String(await folder.linkLatest()), /the link .*latest could not be set to it \(E/);
    assert.deepEqual(await outputs(), ['job-7-run-1', 'latest']);
  });

  it('has no model to publish where there is none', async () => {
    await assert.rejects(folder.publish(folder.paths.staging(1), SHA256), /ENOENT/);
    await mkdir(folder.paths.output);
    await assert.rejects(folder.publish(folder.paths.staging(1), SHA256), /ENOENT/);
  });

  it('takes mixture and checkpoints as a whole, and keeps what is there', async () => {
    const checkpoint = join(home, 'checkpoint');
    await mkdir(join(checkpoint, 'deep'), { recursive: true });
    await writeFile(join(checkpoint, 'deep', 'file'), 'content');
    const taken = await Promise.all([1, 2, 3].map(() => folder.takeCheckpoint(checkpoint, 0, 40)));
    assert.deepEqual(new Set(taken), new Set([join(folder.paths.checkpoints, 'e0', 'checkpoint-40')]));
    assert.deepEqual(await readdir(dirname(String(taken[0]))), ['checkpoint-40']);
    assert.equal(await readFile(join(String(taken[0]), 'deep', 'file'), 'utf8'), 'content');
    assert.equal(await folder.takeCheckpoint(join(home, 'none'), 0, 41), null);
    // A file where a folder is expected is no absence.
    await writeFile(join(home, 'file'), '');
    await assert.rejects(folder.takeCheckpoint(join(home, 'file'), 0, 42), /ENOTDIR/);
  });

  it('knows the last claim that a trainer was started under', async () => {
    assert.equal(await lastClaimOf({ home }, 7), 0);
    await folder.make();
    await folder.writeRunFile({ task: 'train', lease_epoch: 3 });
    await folder.writeRunFile({ task: 'validate', lease_epoch: 12 });
    assert.equal(await lastClaimOf({ home }, 7), 12);
    // What cannot be read is not "none": claims would begin again at 1, and the fence of the files would be down.
    await rm(folder.paths.dir, { recursive: true });
    await writeFile(folder.paths.dir, '');
    await assert.rejects(lastClaimOf({ home }, 7), /ENOTDIR/);
  });
});
