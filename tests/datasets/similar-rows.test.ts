import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MixtureSource } from '../../src/datasets/chosen-tables.ts';
import { withDuckDb } from '../../src/datasets/duckdb.ts';
import { ingestDataset } from '../../src/datasets/ingest.ts';
import type { SimilarRowsChoice } from '../../src/datasets/mixing-rule.ts';
import { MIXTURE_PARTS, readMixturePlan } from '../../src/datasets/mixture.ts';
import { readMixtureRows } from '../../src/datasets/mixture-rows.ts';
import { randomIntegers } from '../../src/datasets/random.ts';
import { WHOLE } from '../../src/datasets/shares.ts';
import { findSimilarRows } from '../../src/datasets/similar-rows.ts';
import { writeMixture } from '../../src/datasets/write-mixture.ts';

const SIMILAR = 0.8;

/** A sentence of random words, and how it reads with some of them replaced by others. */
function sentences(seed: string) {
  const below = randomIntegers(seed);
  const word = () => `w${below(5_000)}`;
  const sentence = (words: number) => Array.from({ length: words }, word);
  const changed = (words: string[], changes: number) => {
    const copy = [...words];
    for (let i = 0; i < changes; i++) copy[below(copy.length)] = word();
    return copy;
  };
  return { below, sentence, changed };
}

/** The share of word triples that two texts have in common: the definition, in another language. */
function jaccard(a: string, b: string): number {
  const [one, other] = [triples(a), triples(b)];
  const both = [...one].filter((triple) => other.has(triple)).length;
  return both / (one.size + other.size - both);
}

function triples(text: string): Set<string> {
  const words = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  return new Set(words.slice(0, Math.max(1, words.length - 2)).map((_, i) => words.slice(i, i + 3).join(' ')));
}

describe('similar rows', function () {
  this.timeout(120_000);
  let dir: string;

  let datasets: MixtureSource[];

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'mtm-similar-'));
    datasets = await twoDatasets();
  });
  after(async () => {
    await rm(dir, { recursive: true, force: true });
  });

  it('are those that comparing every pair finds', async () => {
    const { below, sentence, changed } = sentences('pairs');
    const texts: string[] = [];
    for (let i = 0; i < 400; i++) {
      const words = sentence(5 + below(120));
      // From the same row over hardly changed ones to others, so that every degree of likeness occurs.
      texts.push(words.join(' '), changed(words, below(1 + Math.ceil(words.length / 20))).join(' '));
    }
    // Without a word there is nothing to tell likeness by, but being the same.
    texts.push('?! :-)', '?! :-)', '?!', '???');
    const part = (id: number) => id % 2;
    const found = await similarPairs(texts, part);
    const expected = new Map<string, boolean>();
    for (const [id, text] of texts.entries())
      for (const [other, otherText] of texts.entries())
        if (part(other) < part(id) && (text === otherText || jaccard(text, otherText) >= SIMILAR))
          expected.set(`${id} ${other}`, text === otherText);
    for (const [pair, same] of found) assert.equal(expected.get(pair), same, pair);
    // A pair at the very threshold is missed once in a hundred times, see similar-rows.ts.
    assert.ok(expected.size > 150 && found.size >= 0.98 * expected.size, `${found.size} of ${expected.size}`);
    assert.ok([...expected.values()].filter((same) => same).length > 20);
  });

  it('are told by what is said, not by the system prompt, case or punctuation', async () => {
    const found = await similarPairs(
      ['What is the boiling point of water at sea level?', 'what is the boiling point of water - at sea level'],
      (id) => id,
      (id) => [
        { role: 'system', content: `Prompt number ${id}, which is longer than all that is said after it, by far.` },
      ],
    );
    assert.deepEqual([...found], [['1 0', false]]);
    const other = await similarPairs(
      ['What is the boiling point of water?', 'Who was the first person on the moon?'],
      (id) => id,
      () => [
        {
          role: 'system',
          content: 'The same prompt for all of them, and it is longer than all that is said after it.',
        },
      ],
    );
    assert.deepEqual([...other], []);
  });

  for (const choice of ['count', 'drop'] as const) {
    it(`with "${choice}", the plan says what is in the mixture`, async () => {
      const mixture = await mixed(choice);
      const { plan, train, heldOut } = mixture;
      const [a, b] = [
        train.filter(({ dataset_id }) => dataset_id === 1),
        train.filter(({ dataset_id }) => dataset_id === 2),
      ];
      const sameInA = new Set(a.map(({ text }) => text));
      const same = b.filter(({ text }) => sameInA.has(text));
      const similar = b.filter(({ text }) => !sameInA.has(text) && a.some((row) => jaccard(row.text, text) >= SIMILAR));
      const heldOutSimilar = heldOut.filter(({ text }) => train.some((row) => jaccard(row.text, text) >= SIMILAR));
      assert.ok(plan.similarRows?.chosen);
      const { between, heldOut: held } = plan.similarRows.chosen;
      assert.equal(held.similar, heldOutSimilar.length);
      if (choice === 'count') {
        assert.ok(same.length > 10 && similar.length > 10 && heldOutSimilar.length > 3);
        assert.deepEqual(between, [{ datasetId: 2, otherDatasetId: 1, same: same.length, similar: similar.length }]);
        assert.ok(held.replaced > 0);
        assert.ok(plan.warnings.some((warning) => warning.startsWith(`Of dataset 2, ${same.length} training rows`)));
        assert.ok(plan.warnings.some((warning) => warning.startsWith(`${held.similar} held-out rows`)));
      } else {
        assert.deepEqual([same.length, similar.length, heldOutSimilar.length, between], [0, 0, 0, []]);
        assert.deepEqual(plan.similarRows.leftOut, [{ datasetId: 2, rows: 120 }]);
        assert.equal(plan.traits[0]?.datasets[1]?.rows, 180);
      }
      // Held-out rows are those that validation measures with: none is trained on, whatever the choice.
      const trained = new Set(train.map(({ text }) => text));
      for (const { text } of heldOut) assert.ok(!trained.has(text));
      assert.deepEqual(await mixed(choice), mixture);
    });
  }

  it('says when nothing is left of a dataset, and when there is too little to hold out', async () => {
    const [first] = datasets;
    assert.ok(first);
    const twice = [first, { ...first, id: 2, sha256: 'of another file with the same rows' }];
    await assert.rejects(
      mixed('drop', twice),
      /Dataset 2 has no row left: an earlier dataset has each of them.*Leave it out, or choose mixing.similar_rows "count"/,
    );
    // What is held out of the one is nearly always trained on from the other.
    const { plan, heldOut } = await mixed('count', twice);
    assert.equal(plan.heldOutRows, heldOut.length);
    assert.ok(plan.heldOutRows < 60);
    assert.ok(plan.warnings.some((warning) => /^Only \d+ of 30 rows of dataset 1 are held out/.test(warning)));
  });

  it('with "ignore", nothing is looked for', async () => {
    const { plan } = await mixed('ignore');
    assert.equal(plan.similarRows, null);
  });

  /** Two of 300 rows: of the second, 60 are in the first, and 60 are hardly other than one there. */
  async function twoDatasets(): Promise<MixtureSource[]> {
    const { sentence, changed } = sentences('mixture');
    const first = Array.from({ length: 280 }, () => sentence(40));
    // Some rows of the first are like another of its own, so that held-out rows are like training rows.
    first.push(...first.slice(0, 20).map((words) => changed(words, 1)));
    const second = [
      ...first.slice(100, 160),
      ...first.slice(160, 220).map((words) => [...words.slice(0, -1), 'end']),
      ...Array.from({ length: 180 }, () => sentence(40)),
    ];
    const sources: MixtureSource[] = [];
    for (const [i, rows] of [first, second].entries()) {
      const id = i + 1;
      const sourcePath = join(dir, `${id}.csv`);
      const parquetPath = join(dir, `${id}.parquet`);
      await writeFile(sourcePath, ['prompt,completion', ...rows.map((words) => `${words.join(' ')},yes`)].join('\n'));
      const mapping = { prompt: 'prompt', completion: 'completion' };
      const { sha256 } = await ingestDataset({ sourcePath, originalName: `${id}.csv`, parquetPath, mapping });
      sources.push({ id, parquetPath, mapping, sha256 });
    }
    return sources;
  }

  async function mixed(similarRows: SimilarRowsChoice, sources = datasets) {
    const choices = {
      maxRows: null,
      policy: 'cap' as const,
      traits: [
        { trait: 'all', datasets: sources.map(({ id }) => ({ datasetId: id, percentageThousandths: WHOLE / 2 })) },
      ],
    };
    // Of its own: one that is there stays as it is.
    const target = join(dir, randomUUID());
    await writeMixture({ choices, datasets: sources, seed: 1, similarRows, dir: target });
    const plan = await readMixturePlan(target);
    assert.ok(plan);
    const [train = [], heldOut = []] = await Promise.all(
      MIXTURE_PARTS.map(async (part) =>
        (await readMixtureRows({ dir: target, part, offset: 0, count: 1000 })).map(({ dataset_id, messages }) => ({
          dataset_id,
          text: messages.map(({ content }) => content).join(' '),
        })),
      ),
    );
    return { plan, train, heldOut };
  }

  async function similarPairs(
    texts: string[],
    part: (id: number) => number,
    lead: (id: number) => { role: string; content: string }[] = () => [],
  ): Promise<Map<string, boolean>> {
    return await withDuckDb({ memory: '256MB', folders: [dir] }, async (connection) => {
      await connection.run('CREATE TABLE documents (id BIGINT, part INTEGER, messages VARCHAR)');
      for (const [id, text] of texts.entries()) {
        const messages = [...lead(id), { role: 'user', content: text }];
        await connection.run('INSERT INTO documents VALUES ($1, $2, $3)', [id, part(id), JSON.stringify(messages)]);
      }
      await findSimilarRows(connection, 'FROM documents');
      const found = await connection.runAndReadAll('FROM similar_rows');
      return new Map(found.getRowObjectsJson().map(({ id, other, same }) => [`${id} ${other}`, same === true]));
    });
  }
});
