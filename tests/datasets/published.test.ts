import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { PUBLISHED_DATASETS } from '../../examples/demo/datasets.ts';
import { PROJECT_ROOT } from '../../src/platform/env.ts';
import { type ApiOnly, startTestApi } from '../support/api.ts';
import { startTestDatabase, type TestDatabase } from '../support/database.ts';

const PUBLISHED = join(PROJECT_ROOT, '..', 'shared', 'data');

/** Of each file: rows, and those that give a conversation; counted with Python's json, and a search for "###". */
const ROWS = [
  { rows: 7473, usable: 7473, mapping: { prompt: 'question', completion: 'answer' } },
  { rows: 164, usable: 164, mapping: { prompt: 'prompt', completion: 'canonical_solution' } },
  { rows: 911, usable: 907, mapping: { dialogue: 'code' } },
  { rows: 837, usable: 837, mapping: { dialogue: 'code' } },
  { rows: 688, usable: 687, mapping: { dialogue: 'code' } },
];

if (existsSync(PUBLISHED)) {
  describe('published files, as their authors ship them', function () {
    this.timeout(120_000);
    let database: TestDatabase;
    let api: ApiOnly;
    const ids: number[] = [];

    before(async () => {
      database = await startTestDatabase();
      api = await startTestApi(database);
    });
    after(async () => {
      await api.close();
      await database.remove();
    });

    for (const [i, { file }] of PUBLISHED_DATASETS.entries()) {
      it(`understands ${file} by itself`, async () => {
        const { status, body } = await api.upload(file, await readFile(join(PUBLISHED, file)), { name: file });
        assert.equal(status, 201, JSON.stringify(body));
        ids.push(Number(body.id));
        const { row_count: rows, usable_row_count: usable, mapping } = body;
        assert.deepEqual({ rows, usable, mapping }, ROWS[i]);
      });
    }

    it('profiles them exactly', async () => {
      const texts = [
        (await lines(0)).map(({ question, answer }) => `${question}${answer}`),
        (await lines(1)).map(({ prompt, canonical_solution }) => `${prompt}${canonical_solution}`),
      ];
      for (const [i, rows] of texts.entries()) {
        const { body } = await api.call('GET', `/datasets/${ids[i]}/profile`);
        const lengths = rows.map((text) => [...text].length).sort((a, b) => a - b);
        const at = (part: number) => lengths[Math.max(0, Math.ceil(part * lengths.length) - 1)];
        assert.deepEqual(
          { ...(body.characters as object), duplicates: body.duplicates },
          {
            min: at(0),
            median: at(0.5),
            p95: at(0.95),
            max: at(1),
            mean: lengths.reduce((sum, length) => sum + length, 0) / lengths.length,
            duplicates: rows.length - new Set(rows).size,
          },
        );
      }
    });

    it("plans the reference's example project, and says that HumanEval's 164 rows limit it", async () => {
      const traits = (['reasoning', 'coding', 'general_tools'] as const).map((trait) => ({
        trait_type: trait,
        datasets: PUBLISHED_DATASETS.flatMap(({ trait: its, percentage }, i) =>
          its === trait ? [{ dataset_id: ids[i], percentage }] : [],
        ),
      }));
      const { body } = await api.call('POST', '/projects/plan', { max_rows: 50_000, traits });
      const plan = body as unknown as {
        train_rows: number;
        held_out_rows: number;
        warnings: string[];
        similar_rows: unknown;
        steps: unknown;
        traits: { limiting_dataset_id: number; allocated: number; datasets: Record<string, number>[] }[];
      };
      // Of each dataset a tenth at most is held out, and 64 rows of a trait by its shares; what is left decides.
      const expected = [
        { rows: 7473, held_out: 64, requested: 16_667, allocated: 7409 },
        { rows: 164, held_out: 16, requested: 16_667, allocated: 148 },
        { rows: 907, held_out: 32, requested: 8_333, allocated: 875 },
        { rows: 837, held_out: 19, requested: 5_000, allocated: 525 },
        { rows: 687, held_out: 13, requested: 3_333, allocated: 350 },
      ];
      assert.deepEqual(
        plan.traits.flatMap(({ datasets }) =>
          datasets.map(({ rows, held_out, requested, allocated }) => ({ rows, held_out, requested, allocated })),
        ),
        expected,
      );
      assert.deepEqual(
        plan.traits.map(({ limiting_dataset_id }) => limiting_dataset_id),
        [ids[0], ids[1], ids[2]],
      );
      assert.ok(
        plan.warnings.includes(`coding: 148 rows of 16667 asked for; dataset ${ids[1]} has no more at its share.`),
      );
      assert.deepEqual([plan.train_rows, plan.held_out_rows], [9307, 144]);
      // Batches of 4, three epochs.
      assert.deepEqual(plan.steps, { per_epoch: 2327, total: 6981 });
      assert.deepEqual(plan.similar_rows, {
        left_out: [],
        chosen: { between: [], held_out: { replaced: 0, similar: 0 } },
      });
    });

    async function lines(i: number): Promise<Record<string, string>[]> {
      const file = PUBLISHED_DATASETS[i]?.file ?? '';
      const content = await readFile(join(PUBLISHED, file));
      const text = (file.endsWith('.gz') ? gunzipSync(content) : content).toString();
      return text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line));
    }
  });
} else {
  console.log('    The published files are not beside the project, so their tests are not registered.');
}
