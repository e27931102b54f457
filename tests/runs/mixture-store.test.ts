import assert from 'node:assert/strict';
import { watch } from 'node:fs';
import { appendFile, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MixtureSpec } from '../../src/datasets/chosen-rows.ts';
import { ingestDataset } from '../../src/datasets/ingest.ts';
import { isWholeMixture } from '../../src/datasets/mixture.ts';
import { WHOLE } from '../../src/datasets/shares.ts';
import { mixtureOf, mixturesDir } from '../../src/runs/mixture-store.ts';
import { RunFolder } from '../../src/runs/run-folder.ts';
import { csvRows } from '../support/rows.ts';

describe('the store of mixtures', function () {
  this.timeout(60_000);
  let home: string;
  let spec: MixtureSpec;

  before(async () => {
    home = await mkdtemp(join(tmpdir(), 'mtm-test-'));
    const [sourcePath, parquetPath] = [join(home, 'rows.csv'), join(home, 'rows.parquet')];
    await writeFile(sourcePath, csvRows(100));
    const mapping = { prompt: 'input', completion: 'output' };
    const { sha256 } = await ingestDataset({ sourcePath, originalName: 'rows.csv', parquetPath, mapping });
    const traits = [{ trait: 'all', datasets: [{ datasetId: 1, percentageThousandths: WHOLE }] }];
    spec = {
      seed: 1,
      choices: { maxRows: null, policy: 'cap', traits },
      datasets: [{ id: 1, parquetPath, mapping, sha256 }],
    };
  });
  after(() => rm(home, { recursive: true, force: true }));
  beforeEach(() => rm(mixturesDir({ home }), { recursive: true, force: true }));

  const stored = async () => (await readdir(mixturesDir({ home }))).sort();
  const madeAt = async (dir: string) => (await stat(join(dir, 'train.parquet'))).ino;

  it('makes equal mixtures once, also when several runs ask at the same time', async () => {
    // Before, each run had a mixture of its own: 17 GB of a thousand jobs on one dataset. And before,
    // three that asked at once had it made three times: something waited between the look at `underWay` and the entry there.
    await mkdir(mixturesDir({ home }));
    const begun = new Set<string>();
    const watcher = watch(mixturesDir({ home }), (_, name) => {
      if (name?.includes('.partial-')) begun.add(name);
    });
    try {
      const dirs = await Promise.all([1, 2, 3].map(() => mixtureOf({ home }, spec)));
      const [dir = ''] = dirs;
      assert.deepEqual(new Set(dirs), new Set([dir]));
      const same = { ...spec, datasets: spec.datasets.map((source) => ({ ...source })) };
      assert.equal(await mixtureOf({ home }, same), dir);
    } finally {
      watcher.close();
    }
    assert.equal(begun.size, 1);
    assert.equal((await stored()).length, 1);
  });

  /** The same, with its held-out rows from another file. */
  async function validatedWith(label: string): Promise<MixtureSpec> {
    const [sourcePath, parquetPath] = [join(home, `${label}.csv`), join(home, `${label}.parquet`)];
    await writeFile(sourcePath, csvRows(20, label));
    const mapping = { prompt: 'input', completion: 'output' };
    const { sha256 } = await ingestDataset({ sourcePath, originalName: 'rows.csv', parquetPath, mapping });
    const traits = spec.choices.traits.map((trait) => ({ ...trait, heldOutFrom: { datasetId: 2 } }));
    const datasets = [...spec.datasets, { id: 2, parquetPath, mapping, sha256 }];
    return { ...spec, choices: { ...spec.choices, traits }, datasets };
  }

  it('makes another one of whatever decides its bytes', async () => {
    const [source] = spec.datasets;
    assert.ok(source);
    const others: MixtureSpec[] = [
      spec,
      { ...spec, seed: 2 },
      { ...spec, similarRows: 'drop' },
      { ...spec, choices: { ...spec.choices, maxRows: 10 } },
      { ...spec, datasets: [{ ...source, mapping: { prompt: 'output', completion: 'input' } }] },
      { ...spec, datasets: [{ ...source, sha256: 'f'.repeat(64) }] },
      { ...spec, datasets: [{ ...source, filters: { max_characters: 1_000 } }] },
      await validatedWith('other'),
      await validatedWith('another'),
    ];
    const dirs: string[] = [];
    for (const other of others) dirs.push(await mixtureOf({ home }, other));
    assert.equal(new Set(dirs).size, others.length);
    assert.deepEqual(
      await stored(),
      dirs.map((dir) => dir.slice(mixturesDir({ home }).length + 1)).sort(),
      'nothing half made stays',
    );
  });

  it('gives runs the same files, and puts a damaged mixture aside', async () => {
    // Let mixtureOf believe what is there (isWholeMixture), and a torn file is trained on.
    const dir = await mixtureOf({ home }, spec);
    const inode = await madeAt(dir);
    for (const id of [1, 2]) {
      const run = { id, workflow_id: `job-${id}-run-1`, spec: { output_directory: join(home, 'out') } };
      const folder = new RunFolder({ home }, run);
      await folder.make();
      assert.ok(await folder.takeMixture(dir));
      assert.equal((await stat(folder.paths.train)).ino, inode);
    }
    await appendFile(join(dir, 'train.parquet'), 'torn');
    assert.equal(await mixtureOf({ home }, spec), dir);
    assert.ok(await isWholeMixture(dir));
    assert.notEqual(await madeAt(dir), inode);
    assert.match((await stored()).join(), /\.damaged-/);
  });
});
