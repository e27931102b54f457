import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MixtureSource } from '../../src/datasets/chosen-tables.ts';
import { ingestDataset } from '../../src/datasets/ingest.ts';
import type { HeldOutChoice } from '../../src/datasets/mixing-rule.ts';
import { MIXTURE_PARTS, readMixturePlan } from '../../src/datasets/mixture.ts';
import { readMixtureRows } from '../../src/datasets/mixture-rows.ts';
import { writeMixture } from '../../src/datasets/write-mixture.ts';

/** In both datasets, and some of them twice in one: what is held out must be trained on nowhere. */
const SHARED = 60;

describe('held-out rows that are fixed', function () {
  this.timeout(60_000);
  let dir: string;
  let sources: MixtureSource[];

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'mtm-fixed-'));
    const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
    sources = [await ingest(1, [...numbers(0, 200), ...numbers(0, 20)]), await ingest(2, numbers(200 - SHARED, 400))];
  });
  after(() => rm(dir, { recursive: true, force: true }));

  async function ingest(id: number, numbers: number[]): Promise<MixtureSource> {
    const [sourcePath, parquetPath] = [join(dir, `${id}.csv`), join(dir, `${id}.parquet`)];
    await writeFile(sourcePath, ['input,output', ...numbers.map((n) => `question ${n},answer ${n * 7}`)].join('\n'));
    const mapping = { prompt: 'input', completion: 'output' };
    const { sha256 } = await ingestDataset({ sourcePath, originalName: 'rows.csv', parquetPath, mapping });
    return { id, parquetPath, mapping, sha256 };
  }

  async function mixed(first: number, heldOut: HeldOutChoice, weight = 1000) {
    const target = join(dir, `${heldOut}-${first}-${weight}`);
    const datasets = [
      { datasetId: 1, percentageThousandths: first },
      { datasetId: 2, percentageThousandths: 100_000 - first },
    ];
    const traits = [{ trait: 'general_tools', weightThousandths: weight, datasets }];
    const choices = { maxRows: 150, heldOut, traits };
    const manifest = await writeMixture({ choices, datasets: sources, seed: 7, dir: target });
    const [train = [], held = []] = await Promise.all(
      MIXTURE_PARTS.map((part) => readMixtureRows({ dir: target, part, offset: 0, count: 1000 })),
    );
    const { warnings = [] } = (await readMixturePlan(target)) ?? {};
    return { sha256: manifest.held_out.sha256, train, held, warnings };
  }

  it('are the same of each mixture of these datasets, and none is trained on in any', async () => {
    // Weigh by the shares in planTrait (src/datasets/mixing-rule.ts), and other rows are held out of each. Look at the rows that are
    // trained on alone (chooseHeldOut, isFixed: false), and which are left out depends on the shares.
    const mixtures = [await mixed(50_000, 'fixed'), await mixed(10_000, 'fixed'), await mixed(97_000, 'fixed')];
    assert.equal(new Set(mixtures.map(({ sha256 }) => sha256)).size, 1);
    const [first] = mixtures;
    const held = new Set(first?.held.map(({ messages }) => JSON.stringify(messages)));
    assert.ok(held.size > 20, `${held.size} rows are held out`);
    for (const { train } of mixtures) {
      assert.equal(train.length, 150);
      assert.deepEqual(
        train.filter(({ messages }) => held.has(JSON.stringify(messages))),
        [],
      );
    }
    const byShare = [await mixed(50_000, 'by_share'), await mixed(10_000, 'by_share')];
    assert.notEqual(byShare[0]?.sha256, byShare[1]?.sha256);
  });

  it('are not advised what is refused with them', async () => {
    // Say the same of both in warningsOf (src/datasets/rows-in-common.ts).
    const adviceOf = async (heldOut: HeldOutChoice) =>
      (await mixed(60_000, heldOut)).warnings.filter((warning) => warning.includes('similar_rows')).join('\n');
    assert.match(
      await adviceOf('by_share'),
      /training rows are also in dataset 1, .* With mixing\.similar_rows "drop"/,
    );
    const advice = await adviceOf('fixed');
    assert.match(advice, /training rows are also in dataset 1, .* Take such rows out of the datasets: /);
    assert.doesNotMatch(advice, /With mixing\.similar_rows|In a project/);
  });
});
