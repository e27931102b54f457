import assert from 'node:assert/strict';
import { mkdir, readdir, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Op } from 'sequelize';
import { measureStorage } from '../../../src/activities/storage/measure.ts';
import { takeSnapshot } from '../../../src/commands/backups/snapshot.ts';
import { Dataset } from '../../../src/models/datasets/dataset.ts';
import { OpenAiFile } from '../../../src/models/openai/openai-file.ts';
import { Checkpoint } from '../../../src/models/runs/checkpoint.ts';
import { Run } from '../../../src/models/runs/run.ts';
import { Removal } from '../../../src/models/storage/removal.ts';
import { ifThere } from '../../../src/platform/files.ts';
import { runPaths } from '../../../src/runs/run-paths.ts';
import { type ApiOnly, startTestApi } from '../../support/api.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { buildRun } from '../../support/runs.ts';
import { until } from '../../support/service.ts';

const DAY_MS = 24 * 3_600_000;

interface Amount {
  items: number;
  bytes: number;
}
interface StorageKind {
  kind: string;
  keep_days: number | null;
  is_default: boolean;
  held: Amount | null;
  pinned: Amount | null;
  frees: Record<'now' | 'day' | 'week' | 'month', Amount> | null;
  biggest: { name: string; bytes: number; pinned: string | null }[];
}

describe('GET /storage and what it removes', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let api: ApiOnly;

  before(async () => {
    database = await startTestDatabase();
    // A model cache of its own: the machine's is not this test's.
    api = await startTestApi(database, { keepWorkDays: 7, modelCache: join(database.home, 'models') });
  });
  after(async () => {
    await api?.close();
    await database?.remove();
  });
  beforeEach(async () => {
    await Run.destroy({ where: {} });
    await Removal.destroy({ where: {} });
    await api.call('PATCH', '/config/', { retention: { checkpoints_of_completed_runs: 7 } });
  });

  async function buildCompleted(daysAgo: number, bytes = 1_000): Promise<Run> {
    const run = await buildRun(database);
    const finished_at = new Date(Date.now() - daysAgo * DAY_MS);
    await Run.update({ status: 'completed', phase: 'finished', finished_at }, { where: { id: run.id } });
    const path = join(runPaths(api.env, run).checkpoints, 'e1', 'checkpoint-10');
    await mkdir(path, { recursive: true });
    await writeFile(join(path, 'optimizer.pt'), '');
    await truncate(join(path, 'optimizer.pt'), bytes);
    const row = { run_id: run.id, lease_epoch: 1, step: 10, epoch: 1, path, manifest_sha256: '0'.repeat(64), bytes };
    await Checkpoint.create({ ...row, state: 'complete' });
    return run;
  }

  const kindOf = async (kind: string) => {
    const { body } = await api.call('GET', '/storage');
    return (body.kinds as StorageKind[]).find((each) => each.kind === kind);
  };
  const hasFiles = async (run: Run) => (await ifThere(readdir(runPaths(api.env, run).checkpoints))) !== null;

  it('says what takes what and when it goes, as it was measured', async () => {
    // Take `pinned` out of keptDays (src/activities/storage/kind.ts), and the pinned run counts as due.
    const [due, , later, pinned] = [
      await buildCompleted(8, 1),
      await buildCompleted(6.5, 10),
      await buildCompleted(1, 100),
      await buildCompleted(300, 1_000),
    ];
    assert.equal((await kindOf('checkpoints_of_completed_runs'))?.held, null);
    const { status, body } = await api.call('POST', `/jobs/${pinned.job_id}/pin`, { pinned: true });
    assert.deepEqual([status, body], [200, { run_number: 1, pinned: true, removed_before: null }]);
    await measureStorage(api.env);
    const found = await kindOf('checkpoints_of_completed_runs');
    assert.deepEqual(found?.held, { items: 4, bytes: 1_111 });
    assert.deepEqual(found?.pinned, { items: 1, bytes: 1_000 });
    assert.deepEqual(found?.frees, {
      now: { items: 1, bytes: 1 },
      day: { items: 2, bytes: 11 },
      week: { items: 3, bytes: 111 },
      month: { items: 3, bytes: 111 },
    });
    assert.deepEqual(found?.biggest[0]?.name, `checkpoints of ${pinned.workflow_id}`);
    assert.equal(found?.biggest[0]?.pinned, 'somebody pinned the run');
    const { body: all } = await api.call('GET', '/storage');
    const database_ = (all.others as { name: string; held: Amount }[]).find(({ name }) => name === 'database');
    assert.ok(Number(database_?.held.bytes) > 1_000_000);
    assert.ok((all.disks as { free_bytes: number }[]).every(({ free_bytes }) => free_bytes > 0));
    assert.ok((await hasFiles(due)) && (await hasFiles(later)), 'nothing goes by a look');
    const { body: runs } = await api.call('GET', `/jobs/${pinned.job_id}/runs`);
    assert.deepEqual(
      (runs.items as { pinned: boolean }[]).map((run) => run.pinned),
      [true],
    );
  });

  it('has a policy for each kind in the configuration, and shows what it frees anew', async () => {
    // Let changeRetention (src/commands/storage/change-retention.ts) write what was sent alone, and the first one is forgotten; leave forgetFigures out, and old figures stay.
    await buildCompleted(8);
    await measureStorage(api.env);
    const { status, body } = await api.call('PATCH', '/config/', { retention: { exports: 30 } });
    assert.equal(status, 200);
    const retention = body.retention as Record<string, number | null>;
    assert.deepEqual([retention.exports, retention.checkpoints_of_completed_runs], [30, 7]);
    assert.equal((await kindOf('checkpoints_of_completed_runs'))?.held, null);
    const never = await api.call('PATCH', '/config/', { retention: { checkpoints_of_completed_runs: null } });
    assert.equal((never.body.retention as Record<string, number | null>).checkpoints_of_completed_runs, null);
    await measureStorage(api.env);
    assert.equal((await kindOf('checkpoints_of_completed_runs'))?.frees?.month.items, 0);
    assert.equal((await kindOf('mixtures'))?.is_default, true);
    assert.equal((await kindOf('exports'))?.is_default, false);
    for (const wrong of [{ exports: -1 }, { exports: 'never' }, { nothing: 1 }]) {
      const refused = await api.call('PATCH', '/config/', { retention: wrong });
      assert.equal(refused.status, 422);
      assert.match(String(refused.body.detail), /retention|nothing/);
    }
  });

  it('says what would go, then removes it, once per Idempotency-Key, and what is not due stays', async () => {
    // Let dry_run be false by default (src/api/storage/schema.ts), and the first request removes; leave `once` out of the route, and the repeated one answers with nothing.
    const [due, young] = [await buildCompleted(8), await buildCompleted(6)];
    const would = await api.call('POST', '/storage/clean', {});
    const expected = [
      {
        kind: 'checkpoints_of_completed_runs',
        name: `checkpoints of ${due.workflow_id}`,
        run_id: due.id,
        bytes: 1_000,
        why: 'removed by policy checkpoints_of_completed_runs after 7 days',
      },
    ];
    assert.deepEqual(would.body, { dry_run: true, items: expected, bytes: 1_000, is_more: false });
    assert.equal(await Removal.count(), 0);
    const none = await api.call('POST', '/storage/clean', { kinds: ['exports'], dry_run: false });
    assert.deepEqual(none.body.items, []);
    const key = { 'Idempotency-Key': 'clean-1' };
    const request = { kinds: ['checkpoints_of_completed_runs'], dry_run: false };
    const first = await api.call('POST', '/storage/clean', request, key);
    assert.deepEqual(first.body, { dry_run: false, items: expected, bytes: 1_000, is_more: false });
    const again = await api.call('POST', '/storage/clean', request, key);
    assert.deepEqual(again.body, first.body);
    while ((await Removal.count({ where: { finished_at: null } })) > 0 || (await hasFiles(due)));
    assert.equal(await hasFiles(young), true);
    const { body: removals } = await api.call('GET', '/storage/removals');
    const [item] = removals.items as { asked_by: string; why: string; kept_because: null }[];
    assert.deepEqual([item?.asked_by, item?.why, item?.kept_because], ['request', expected[0]?.why, null]);
    assert.equal(removals.total, 1);
    const pin = await api.call('POST', `/jobs/${due.job_id}/pin?run=1`, { pinned: true });
    assert.equal(pin.body.removed_before, expected[0]?.why);
    const { body: checkpoints } = await api.call('GET', `/jobs/${due.job_id}/checkpoints`);
    const [gone] = checkpoints.items as { state: string; removed_because: string }[];
    assert.deepEqual([gone?.state, gone?.removed_because], ['pruned', expected[0]?.why]);
  });

  it('removes the file that a dataset was uploaded as, if its Parquet is whole, and says so where it was', async () => {
    // Take the comparison of hashes out of remove (src/activities/storage/uploaded-originals.ts), and the second file goes as well.
    const rows = Array.from({ length: 20 }, (_, n) => `${n} and 1?,${n + 1}\n`).join('');
    const made = await Promise.all(
      ['whole.csv', 'broken.csv'].map((name) => api.upload(name, `question,answer\n${rows}`)),
    );
    const [whole, broken] = await Promise.all(
      made.map(({ body }) => Dataset.findByPk(Number(body.id), { rejectOnEmpty: true })),
    );
    assert.ok(whole && broken);
    await truncate(broken.parquet_path, 10);
    assert.equal(
      (await kindOf('uploaded_originals'))?.keep_days,
      null,
      'they are kept for ever unless somebody says otherwise',
    );
    // Those of other tests have no files.
    await Dataset.update({ original_kept_because: 'none' }, { where: { id: { [Op.notIn]: [whole.id, broken.id] } } });
    const id = 'file-abc';
    await OpenAiFile.create({
      id,
      purpose: 'fine-tune',
      filename: 'whole.csv',
      bytes: 1,
      sha256: '0'.repeat(64),
      path: whole.file_path,
      dataset_id: whole.id,
    });
    await api.call('PATCH', '/config/', { retention: { uploaded_originals: 1 } });
    await database.sequelize.query(`UPDATE datasets SET created_at = now() - interval '2 days'`);
    const clean = async (dry_run: boolean) =>
      (await api.call('POST', '/storage/clean', { kinds: ['uploaded_originals'], dry_run })).body;
    const planned = await clean(true);
    assert.equal(planned.bytes, Number(whole.file_size) + Number(broken.file_size));
    await clean(false);
    await until('it is removed', async () => (await Removal.count({ where: { finished_at: null } })) === 0 || null);
    assert.equal(await ifThere(stat(whole.file_path)), null);
    assert.notEqual(await ifThere(stat(broken.file_path)), null);
    const stayed = await Removal.findAll({ where: { kept_because: { [Op.ne]: null } } });
    assert.deepEqual(
      stayed.map(({ thing }) => Number(thing)),
      [broken.id],
    );
    assert.deepEqual((await clean(true)).items, [], 'what stays is not tried again each minute');
    const download = await api.call('GET', `/datasets/${whole.id}/download`);
    assert.equal(download.status, 404);
    assert.match(
      JSON.stringify(download.body),
      /was removed by policy uploaded_originals after 1 day\. Its rows are there/,
    );
    const content = await fetch(`${api.url}/v1/files/${id}/content`);
    assert.match(await content.text(), /The content of file-abc was removed by policy uploaded_originals/);
    const { body: shown } = await api.call('GET', `/datasets/${whole.id}`);
    assert.match(String((shown.notes as string[]).at(-1)), /^The file as it was uploaded was removed by policy/);
    // Rows, and another mapping of them, come from the Parquet.
    const mapping = { prompt: 'answer', completion: 'question' };
    const mapped = await api.call('PATCH', `/datasets/${whole.id}`, { mapping });
    assert.deepEqual([mapped.status, mapped.body.usable_row_count], [200, 20]);
    assert.equal((await api.call('GET', `/datasets/${whole.id}/preview`)).status, 200);
    const snapshot = await takeSnapshot(database.url, async (name, stream) => {
      for await (const _ of stream);
      return { name } as never;
    });
    assert.deepEqual(
      snapshot.datasets.filter(({ id: one }) => one === whole.id).map(({ file_path }) => file_path),
      [null],
    );
    assert.deepEqual(snapshot.openAiFiles, []);
  });

  it('names the policy to whoever would begin from a checkpoint that it removed', async () => {
    // Leave whyRemoved out of checkpointOf (src/commands/runs/find-start.ts), and the answer does not say why it is gone.
    const run = await buildCompleted(8);
    await api.call('POST', '/storage/clean', { dry_run: false });
    for (const [checkpoint, says] of [
      [
        10,
        /The checkpoint of step 10 of run 1 of job \d+ was removed by policy checkpoints_of_completed_runs after 7 days/,
      ],
      ['best', /The checkpoints of run 1 of job \d+ were removed by policy checkpoints_of_completed_runs after 7 days/],
    ] as const) {
      const { status, body } = await api.call('POST', '/jobs/', {
        name: 'fork',
        dataset_id: run.spec.traits[0]?.datasets[0]?.dataset_id,
        training_type: 'lora',
        starts_from: { job_id: run.job_id, checkpoint },
      });
      assert.equal(status, 400);
      assert.match(String(body.detail), says);
    }
  });
});
