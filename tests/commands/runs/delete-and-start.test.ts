import assert from 'node:assert/strict';
import pg from 'pg';
import { Run } from '../../../src/models/runs/run.ts';
import { type ApiOnly, startTestApi } from '../../support/api.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { csvRows } from '../../support/rows.ts';
import { until } from '../../support/service.ts';
import { putTinyModel } from '../../support/tiny-models.ts';

/** DELETE and a start of the same job or project, each in its transaction, at the same time. */
describe('deleting and starting at once', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let api: ApiOnly;
  let other: pg.Client;
  let watch: pg.Client;
  let datasetId: number;

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database);
    await putTinyModel(api.env, 'tiny-random');
    [other, watch] = [new pg.Client(database.url), new pg.Client(database.url)];
    await Promise.all([other.connect(), watch.connect()]);
    datasetId = Number((await api.upload('rows.csv', csvRows(20))).body.id);
  });

  after(async () => {
    await Promise.all([other?.end(), watch?.end()]);
    await api?.close();
    await database?.remove();
  });

  const created = async (path: string, body: unknown) => {
    const answer = await api.call('POST', path, body);
    assert.equal(answer.status, 201, JSON.stringify(answer.body));
    return Number(answer.body.id);
  };

  const CASES = {
    job: {
      start: 'start',
      create: async () => {
        const id = await created('/jobs/', { name: 'j', dataset_id: datasetId, model_name: 'mtm/tiny-random-llama' });
        assert.equal((await api.call('POST', `/jobs/${id}/cancel`)).status, 200);
        return id;
      },
    },
    project: {
      start: 'start',
      create: () => {
        const traits = [{ trait_type: 'coding', datasets: [{ dataset_id: datasetId, percentage: 100 }] }];
        return created('/projects/', { name: 'p', base_model: 'mtm/tiny-random-llama', output_directory: 'p', traits });
      },
    },
  };

  it('refuses a cancel once the model is being published', async () => {
    // Before, the run was cancelled, and its model stayed in the output directory, which nobody knew. Take unlessIn out of
    // cancelLatest (src/commands/runs/actions.ts).
    const id = await created('/jobs/', { name: 'j', dataset_id: datasetId, model_name: 'mtm/tiny-random-llama' });
    await Run.update({ status: 'queued', phase: 'publishing', publish_path: '/x' }, { where: { job_id: id } });
    const { status, body } = await api.call('POST', `/jobs/${id}/cancel`);
    assert.equal(status, 400);
    assert.match(String(body.detail), /is being published.* cannot be cancelled any more/);
    assert.equal((await api.call('GET', `/jobs/${id}`)).body.status, 'queued');
  });

  it('refuses to delete what was cancelled while its workflow ends', async () => {
    // Take workflow_closed_at out of deleteOwner (src/commands/runs/actions.ts).
    const id = await CASES.job.create();
    await Run.update({ workflow_started_at: new Date(), workflow_closed_at: null }, { where: { job_id: id } });
    const { status, body } = await api.call('DELETE', `/jobs/${id}`);
    assert.deepEqual(
      [status, body.detail],
      [409, `Run 1 of job ${id} is just ending. Cancel it, or wait for its end, then delete.`],
    );
    await Run.update({ workflow_closed_at: new Date() }, { where: { job_id: id } });
    assert.equal((await api.call('DELETE', `/jobs/${id}`)).status, 204);
  });

  for (const [kind, { start, create }] of Object.entries(CASES)) {
    it(`never answers 200 to the start of a ${kind} and then deletes its run`, async () => {
      // Take lockOwner out of startAgain or deleteOwner (src/commands/runs/actions.ts): the start is answered while the DELETE,
      // which has seen no open run, waits; then it takes the new run along.
      const id = await create();
      // A lock that keeps who deletes waiting, and nobody who adds a run.
      await other.query('BEGIN');
      await other.query(`SELECT 1 FROM ${kind}s WHERE id = ${id} FOR KEY SHARE`);
      const waiting = async () =>
        (
          await watch.query(
            `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
          )
        ).rowCount ?? 0;
      const deleting = api.call('DELETE', `/${kind}s/${id}`);
      await until('the DELETE to wait', async () => ((await waiting()) === 1 ? true : null));
      let isAnswered = false;
      const starting = api.call('POST', `/${kind}s/${id}/${start}`).finally(() => {
        isAnswered = true;
      });
      await until('the start to wait, or its answer', async () =>
        isAnswered || (await waiting()) === 2 ? true : null,
      );
      await other.query('COMMIT');

      const [deleted, started] = await Promise.all([deleting, starting]);
      const runs = await Run.count({ where: { [`${kind}_id`]: id, status: 'pending' } });
      const outcome = [deleted.status, started.status, runs];
      assert.ok(
        [
          [204, 404, 0],
          [409, 200, 1],
        ].some((allowed) => allowed.every((value, i) => value === outcome[i])),
        JSON.stringify([outcome, started.body]),
      );
    });
  }
});
