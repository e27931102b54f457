import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { disksOf } from '../../src/platform/disks.ts';
import { mountSmallDisk } from '../support/small-disk.ts';

describe('the disks of a host', () => {
  let home: string;
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'mtm-test-'));
  });
  afterEach(() => rm(home, { recursive: true, force: true }));

  it('are there once each, with all that lies on them, also before it is made', async () => {
    await mkdir(join(home, 'cache'));
    const folders = { home, outputRoots: [join(home, 'outputs', 'later')], modelCache: join(home, 'cache') };
    const [disk, ...others] = await disksOf(folders);
    assert.deepEqual(others, []);
    assert.deepEqual([disk?.path, disk?.holds], [home, ['home', 'outputs', 'models']]);
    assert.ok(disk && 0 < disk.free_bytes && disk.free_bytes <= disk.bytes);
  });

  it('are told apart, and how much is free of each', async function () {
    // Tell disks apart by their path in disksOf (src/platform/disks.ts), and the test before fails; take all for one, and this.
    const models = join(home, 'models');
    await mkdir(models);
    const small = await mountSmallDisk(models, '4m', (sentence) => console.log(sentence));
    if (!small) this.skip();
    try {
      const disks = await disksOf({ home, outputRoots: [join(models, 'outputs')], modelCache: models });
      assert.deepEqual(
        disks.map(({ holds }) => holds),
        [['home'], ['outputs', 'models']],
      );
      assert.equal(disks[1]?.bytes, 4 * 1024 ** 2);
    } finally {
      await small?.unmount();
    }
  });

  it('are left out where a folder may not be looked at', async () => {
    const disks = await disksOf({ home, outputRoots: ['/dev/null/below'], modelCache: home });
    assert.deepEqual(disks[0]?.holds, ['home', 'models']);
    assert.equal(disks.length, 1);
  });
});
