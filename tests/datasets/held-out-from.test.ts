import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MixtureSource } from '../../src/datasets/chosen-tables.ts';
import { DatasetError } from '../../src/datasets/dataset-error.ts';
import { draft } from '../../src/datasets/draft.ts';
import { ingestDataset } from '../../src/datasets/ingest.ts';
import { planMixture, type SimilarRowsChoice } from '../../src/datasets/mixing-rule.ts';
import { MIXTURE_PARTS, readMixturePlan } from '../../src/datasets/mixture.ts';
import { readMixtureRows } from '../../src/datasets/mixture-rows.ts';
import { MIXING_POLICIES, WHOLE } from '../../src/datasets/shares.ts';
import { writeMixture } from '../../src/datasets/write-mixture.ts';

const TRAINED_ON = 1;
const HELD_OUT = 2;

/** Of `label`, rows from one number to before another. They have few words in common with each other. */
function rows(label: string, from: number, to: number): string[] {
  return Array.from(
    { length: to - from },
    (_, i) => `${label} ${from + i} ${label}${(from + i) * 7},answer ${from + i}`,
  );
}

describe('a mixture whose held-out rows come from a dataset of their own', function () {
  this.timeout(60_000);
  let dir: string;
  let training: MixtureSource;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'mtm-held-out-'));
    training = await ingest(TRAINED_ON, rows('row', 0, 40));
  });
  after(() => rm(dir, { recursive: true, force: true }));

  async function ingest(id: number, lines: string[]): Promise<MixtureSource> {
    const name = randomUUID();
    const [sourcePath, parquetPath] = [join(dir, `${name}.csv`), join(dir, `${name}.parquet`)];
    await writeFile(sourcePath, ['input,output', ...lines].join('\n'));
    const mapping = { prompt: 'input', completion: 'output' };
    const { sha256 } = await ingestDataset({ sourcePath, originalName: 'rows.csv', parquetPath, mapping });
    return { id, parquetPath, mapping, sha256 };
  }

  function specOf(heldOut: MixtureSource, similarRows?: SimilarRowsChoice, trained = training) {
    const datasets = [{ datasetId: TRAINED_ON, percentageThousandths: WHOLE }];
    const traits = [{ trait: 'all', datasets, heldOutFrom: { datasetId: heldOut.id } }];
    return { choices: { maxRows: null, traits }, datasets: [trained, heldOut], seed: 1, similarRows };
  }

  async function mixed(heldOut: MixtureSource, ...others: [SimilarRowsChoice?, MixtureSource?]) {
    const target = join(dir, randomUUID());
    const { counts } = await writeMixture({ ...specOf(heldOut, ...others), dir: target });
    const plan = await readMixturePlan(target);
    assert.ok(plan);
    const [train = [], held = []] = await Promise.all(
      MIXTURE_PARTS.map((part) => readMixtureRows({ dir: target, part, offset: 0, count: 1000 })),
    );
    return { plan, counts, train, held };
  }

  it('trains on all rows of the others, and holds out none that is among them', async () => {
    // Without is_trained_on in chooseHeldOut (held-out-rows.ts), rows 0 to 4 of the validation dataset are held out and trained on.
    const heldOut = await ingest(HELD_OUT, [...rows('row', 0, 5), ...rows('other', 0, 15)]);
    const { plan, counts, train, held } = await mixed(heldOut);
    const sorted = (of: typeof train) => of.map(({ row_number }) => row_number).sort((a, b) => a - b);
    assert.deepEqual(new Set(train.map(({ dataset_id }) => dataset_id)), new Set([TRAINED_ON]));
    assert.deepEqual(sorted(train), [...Array(40).keys()]);
    assert.deepEqual(new Set(held.map(({ dataset_id, trait }) => `${trait} ${dataset_id}`)), new Set(['all 2']));
    assert.deepEqual(
      sorted(held),
      Array.from({ length: 15 }, (_, i) => i + 5),
    );
    assert.deepEqual(counts, [
      { trait: 'all', dataset_id: TRAINED_ON, train: 40, held_out: 0 },
      { trait: 'all', dataset_id: HELD_OUT, train: 0, held_out: 15 },
    ]);
    assert.deepEqual([plan.trainRows, plan.heldOutRows, plan.traits[0]?.heldOutFrom], [40, 15, HELD_OUT]);
    assert.deepEqual(plan.warnings, [
      '5 of the 20 rows of dataset 2 that were drawn are left out of those held out: they are also, or nearly, among the training rows.',
    ]);
    const again = await mixed(heldOut);
    assert.deepEqual(again, { plan, counts, train, held });
  });

  it('is what its plan says', async () => {
    const heldOut = await ingest(HELD_OUT, rows('other', 0, 15));
    const { plan } = await draft({ ...specOf(heldOut), tokenizer: null }, () => {});
    const { similarRows: _, ...kept } = (await mixed(heldOut)).plan;
    assert.deepEqual(plan, kept);
    assert.deepEqual(
      plan.traits[0]?.datasets.map(({ percentageThousandths, requested, allocated, heldOut, repeats }) => {
        return { percentageThousandths, requested, allocated, heldOut, repeats };
      }),
      [
        { percentageThousandths: WHOLE, requested: null, allocated: 40, heldOut: 0, repeats: 1 },
        { percentageThousandths: 0, requested: null, allocated: 0, heldOut: 15, repeats: 1 },
      ],
    );
  });

  it('holds out as many rows as of any trait, and says that the others are not used', async () => {
    const heldOut = await ingest(HELD_OUT, [...rows('other', 0, 90), ...rows('row', 0, 10)]);
    const { plan, held } = await mixed(heldOut);
    assert.equal(held.length, 64);
    const [bound, leftOut, ...others] = plan.warnings;
    assert.equal(bound, 'all: at most 64 of the 100 rows of dataset 2 are held out; the others are not used.');
    // All 100 are drawn: twice as many as are wanted may be.
    assert.match(String(leftOut), /^10 of the 100 rows of dataset 2 that were drawn are left out/);
    assert.deepEqual(others, []);
  });

  it('with similar_rows "drop", leaves out those that are nearly trained on as well', async () => {
    const long = (end: string) => `${Array.from({ length: 30 }, (_, i) => `word${i}`).join(' ')} ${end},yes`;
    const trained = await ingest(TRAINED_ON, [...rows('row', 0, 40), long('here')]);
    const heldOut = await ingest(HELD_OUT, [...rows('other', 0, 12), long('there')]);
    assert.equal((await mixed(heldOut, 'count', trained)).held.length, 13);
    const { plan, train, held } = await mixed(heldOut, 'drop', trained);
    assert.deepEqual([train.length, held.length], [41, 12]);
    assert.match(
      plan.warnings.join(),
      /^1 rows of dataset 2 are left out: an earlier dataset has them, or similar ones/,
    );
  });

  it('is refused where no row is left to validate with', async () => {
    // Without the error in withHeldOut, a run whose user gave a validation dataset is validated with nothing.
    const same = await ingest(HELD_OUT, rows('row', 0, 12));
    const refusal = /Dataset 2 has no row to validate with: all 12 that were drawn are also.*Validate with rows that/;
    await assert.rejects(mixed(same), refusal);
    await assert.rejects(
      draft({ ...specOf(same), tokenizer: null }, () => {}),
      refusal,
    );
    const none = { ...same, filters: { max_characters: 1 } };
    await assert.rejects(
      mixed(none),
      /Dataset 2, which the trait all is to be validated with, has no row to choose from/,
    );
    await assert.rejects(mixed(training), /Dataset 1 of the trait all cannot be both trained on and held out/);
  });
});

describe('the mixing rule with rows to hold out from elsewhere', () => {
  const datasets = [
    { datasetId: 1, rows: 1_000, percentageThousandths: 70_000 },
    { datasetId: 2, rows: 300, percentageThousandths: 30_000 },
  ];

  for (const policy of MIXING_POLICIES)
    for (const maxRows of [null, 500])
      it(`takes none of the others with the policy ${policy} and ${maxRows ?? 'all'} rows`, () => {
        const plan = planMixture({
          maxRows,
          policy,
          traits: [{ trait: 'all', datasets, heldOutFrom: { datasetId: 3, rows: 20 } }],
        });
        const [trait] = plan.traits;
        assert.ok(trait);
        const [first, second, heldOut] = trait.datasets;
        assert.deepEqual([first?.heldOut, second?.heldOut, heldOut?.heldOut, plan.heldOutRows], [0, 0, 20, 20]);
        assert.equal(heldOut?.allocated, 0);
        assert.equal(plan.trainRows, (first?.allocated ?? 0) + (second?.allocated ?? 0));
        if (policy === 'shrink')
          assert.deepEqual([first?.allocated, second?.allocated], maxRows ? [350, 150] : [700, 300]);
        assert.ok(
          plan.warnings.every((warning) => !warning.includes('dataset 3')),
          plan.warnings.join(),
        );
      });

  it('is the rule without it where nobody asks for it', () => {
    const asked = { maxRows: null, traits: [{ trait: 'all', datasets }] };
    assert.deepEqual(
      planMixture({ ...asked, traits: [{ trait: 'all', datasets, heldOutFrom: undefined }] }),
      planMixture(asked),
    );
    assert.ok(!('heldOutFrom' in (planMixture(asked).traits[0] ?? {})));
  });

  it('has a sentence for a dataset without rows', () => {
    const heldOutFrom = { datasetId: 3, rows: 0 };
    assert.throws(
      () => planMixture({ maxRows: null, traits: [{ trait: 'all', datasets, heldOutFrom }] }),
      DatasetError,
    );
  });
});
