import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { access, readdir, utimes, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { claimFiles, deleteWithFiles, type NewFiles } from '../../../src/commands/datasets/storage.ts';
import { sweepFiles } from '../../../src/commands/datasets/sweep.ts';
import { Dataset } from '../../../src/models/datasets/dataset.ts';
import { type ApiOnly, startTestApi } from '../../support/api.ts';
import { buildDataset, startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { csvRows } from '../../support/rows.ts';

const DEAD = { host: 'test-host', pid: 2 ** 22 + 1, start: '1' };

describe('files that no row names', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let api: ApiOnly;

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database, { hostName: DEAD.host });
  });
  after(async () => {
    await api?.close();
    await database?.remove();
  });

  /** Files of an upload that is about to get its row. */
  async function claim(): Promise<NewFiles> {
    const files = await claimFiles(api.env, randomUUID());
    for (const path of [files.source('.csv'), files.parquet]) await writeFile(path, 'x');
    return files;
  }

  const noteOf = ({ parquet }: { parquet: string }) =>
    join(api.env.home, 'uploads', 'unfinished', basename(parquet, '.parquet'));

  const isThere = (path: string) =>
    access(path).then(
      () => true,
      () => false,
    );

  /** Of source, Parquet, what was received, and note. */
  async function whatIsThere(files: NewFiles): Promise<boolean[]> {
    return await Promise.all([files.source('.csv'), files.parquet, files.incoming, noteOf(files)].map(isThere));
  }

  const row = async ({ parquet }: NewFiles) => {
    const { id } = await buildDataset();
    await Dataset.update({ parquet_path: parquet }, { where: { id } });
  };

  it('are removed when nobody is at them; those that one names stay, and those of an upload that goes on', async () => {
    const [lost, known, current] = [await claim(), await claim(), await claim()];
    await row(known);
    await lost.leave();
    await known.leave();
    await sweepFiles(api.env);
    assert.deepEqual(await whatIsThere(lost), [false, false, false, false]);
    assert.deepEqual(await whatIsThere(known), [true, true, false, false]);
    assert.deepEqual(await whatIsThere(current), [true, true, true, true]);
    await current.discard();
    assert.deepEqual(await whatIsThere(current), [false, false, false, false]);
  });

  const others: [what: string, writer: object | string, isOld: boolean, isSwept: boolean][] = [
    ['of a process of this host that is gone', DEAD, false, true],
    ['of another host, which said so just now', { ...DEAD, host: 'other' }, false, false],
    ['of another host, which has said nothing for long', { ...DEAD, host: 'other' }, true, true],
    ['of an earlier version, just now', '.csv', false, false],
    ['of an earlier version, long ago', '.csv', true, true],
  ];
  for (const [what, writer, isOld, isSwept] of others) {
    it(`are ${isSwept ? 'removed' : 'left alone'} where they are ${what}`, async () => {
      const files = await claim();
      await files.leave();
      const note = noteOf(files);
      await writeFile(note, typeof writer === 'string' ? writer : JSON.stringify(writer));
      if (isOld) await utimes(note, 1, 1);
      await sweepFiles(api.env);
      const [source, parquet, , noted] = await whatIsThere(files);
      assert.deepEqual([source, parquet, noted], Array(3).fill(!isSwept));
      await writeFile(note, JSON.stringify(DEAD));
      await sweepFiles(api.env);
    });
  }

  it('are left alone while a transaction goes on that may name them', async () => {
    // Take the lock out of beforeRow (src/commands/datasets/storage.ts) and the row that is committed then has no files.
    const files = await claim();
    await files.leave();
    await database.sequelize.transaction(async (transaction) => {
      await files.beforeRow(transaction);
      const { id } = await buildDataset();
      await Dataset.update({ parquet_path: files.parquet }, { where: { id }, transaction });
      await sweepFiles(api.env);
      assert.deepEqual(await whatIsThere(files), [true, true, false, true]);
    });
    await sweepFiles(api.env);
    assert.deepEqual(await whatIsThere(files), [true, true, false, false]);
  });

  it('get no row any more once they were removed', async () => {
    const files = await claim();
    await files.leave();
    await sweepFiles(api.env);
    await assert.rejects(
      database.sequelize.transaction((transaction) => files.beforeRow(transaction)),
      /stood still for so long.*Send it again/,
    );
  });

  it('of a dataset whose deletion was broken off are removed, and stay when its row does', async () => {
    // Before, they lay there for ever. Take the note out of deleteWithFiles and they do.
    const datasetOf = async () => {
      const { body } = await api.upload('rows.csv', csvRows(10));
      const dataset = await Dataset.findByPk(Number(body.id));
      assert.ok(dataset);
      return dataset;
    };
    const [deleted, kept] = [await datasetOf(), await datasetOf()];
    const dies = async (first: () => Promise<unknown>) => {
      await first();
      throw new Error('The process dies here.');
    };
    await assert.rejects(
      deleteWithFiles(api.env, deleted, () => dies(() => deleted.destroy())),
      /dies here/,
    );
    await assert.rejects(
      deleteWithFiles(api.env, kept, () => dies(async () => {})),
      /dies here/,
    );
    assert.ok(await isThere(deleted.parquet_path));
    await sweepFiles(api.env);
    const files = [deleted.file_path, deleted.parquet_path, kept.file_path, kept.parquet_path];
    assert.deepEqual(await Promise.all(files.map(isThere)), [false, false, true, true]);
    assert.deepEqual(await readdir(join(api.env.home, 'uploads', 'unfinished')), []);
  });

  it('are removed when they are notes that nobody came to finish', async () => {
    const notes = join(api.env.home, 'uploads', 'unfinished');
    const gone = { host: api.env.hostName, pid: process.pid, start: 'another process of this pid' };
    await writeFile(join(notes, '.draft-a'), JSON.stringify(gone));
    await sweepFiles(api.env);
    assert.deepEqual(await readdir(notes), []);
  });

  it('and no note tells of stay: the database may be a backup', async () => {
    const path = join(api.env.home, 'datasets', `${randomUUID()}.parquet`);
    await writeFile(path, 'x');
    await utimes(path, 1, 1);
    await sweepFiles(api.env);
    assert.ok(await isThere(path));
  });
});

describe('an upload that is cancelled', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let api: ApiOnly;
  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database);
  });
  after(async () => {
    await api?.close();
    await database?.remove();
  });

  it('while its row is being written is told that it is too late, and there is a dataset', async () => {
    // Before, 204 was the answer, and the dataset appeared all the same.
    const lock = await database.sequelize.transaction();
    await database.sequelize.query('LOCK TABLE datasets IN EXCLUSIVE MODE', { transaction: lock });
    const uploading = api.upload('rows.csv', csvRows(10));
    let cancelled: { status: number; body: Record<string, unknown> };
    for (;;) {
      const { items } = (await api.call('GET', '/datasets/uploads')).body as { items: { id: string; phase: string }[] };
      const waits = await database.sequelize.query(
        "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'INSERT INTO \"datasets\"%' AND datname = current_database()",
      );
      if (items[0] && waits[0].length > 0) {
        cancelled = await api.call('DELETE', `/datasets/uploads/${items[0].id}`);
        break;
      }
    }
    await lock.commit();
    assert.equal(cancelled.status, 409);
    assert.match(String(cancelled.body.detail), /is being saved already. Delete its dataset/);
    const { status, body } = await uploading;
    assert.equal(status, 201);
    assert.equal((await api.call('GET', `/datasets/${body.id}`)).status, 200);
  });
});
