import assert from 'node:assert/strict';
import { createJob } from '../../../src/commands/jobs/create-job.ts';
import { Job } from '../../../src/models/jobs/job.ts';
import { findSources } from '../../../src/models/runs/mixture-sources.ts';
import { Run } from '../../../src/models/runs/run.ts';
import { datasetsOf } from '../../../src/models/runs/run-spec.ts';
import { type ApiOnly, startTestApi } from '../../support/api.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { csvRows } from '../../support/rows.ts';

describe('the validation dataset of a job', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let api: ApiOnly;
  let trained: number;
  let validation: number;

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database);
    trained = Number((await api.upload('trained.csv', csvRows(100))).body.id);
    validation = Number((await api.upload('validation.csv', csvRows(20, 'other'))).body.id);
  });
  after(async () => {
    await api?.close();
    await database?.remove();
  });

  const jobWith = (validation_dataset_id: unknown, others: object = {}) => {
    const sent = { name: 'job', dataset_id: trained, model_name: 'mtm/none', validation_dataset_id, ...others };
    return api.call('POST', '/jobs/', sent);
  };
  async function heldOutFrom(runId: unknown) {
    const { spec } = await Run.findByPk(Number(runId), { rejectOnEmpty: true });
    return spec.traits[0]?.held_out_from;
  }

  it('is a part of the job, and of what each of its runs is asked for, as the dataset is then', async () => {
    const { status, body } = await jobWith(validation);
    assert.equal(status, 201, JSON.stringify(body));
    assert.equal(body.validation_dataset_id, validation);
    const at = `/jobs/${body.id}`;
    assert.equal((await api.call('GET', at)).body.validation_dataset_id, validation);
    const first = await heldOutFrom(body.run_id);
    assert.equal(first?.dataset_id, validation);
    assert.deepEqual(
      [first?.dataset?.name, first?.dataset?.mapping],
      ['validation.csv', { prompt: 'input', completion: 'output' }],
    );
    // Leave held_out_from out of datasetsOf (run-spec.ts), and the run looks for its rows in vain.
    const { spec } = await Run.findByPk(Number(body.run_id), { rejectOnEmpty: true });
    assert.deepEqual(
      (await findSources(datasetsOf(spec.traits))).map(({ source }) => source.id),
      [trained, validation],
    );
    const ids = [Number(body.run_id)];
    for (const fresh of [false, true]) {
      assert.equal((await api.call('POST', `${at}/cancel`)).status, 200);
      const again = await api.call('POST', `${at}/start`, { fresh });
      assert.equal(again.status, 200, JSON.stringify(again.body));
      assert.equal(again.body.validation_dataset_id, validation);
      assert.deepEqual(await heldOutFrom(again.body.run_id), first);
      ids.push(Number(again.body.run_id));
    }
    assert.equal(new Set(ids).size, 3);
  });

  it('is null where there is none', async () => {
    for (const none of [undefined, null]) {
      const { body } = await jobWith(none);
      assert.equal(body.validation_dataset_id, null);
      assert.equal(await heldOutFrom(body.run_id), undefined);
    }
  });

  it('is each job its own, of many that are created at the same time', async () => {
    const body = { dataset_id: trained, model_name: 'mtm/none' };
    const asked = [validation, null, validation].map((id, i) => ({ ...body, name: `${i}`, validation_dataset_id: id }));
    const jobs = await Promise.all(asked.map((each) => createJob(each, api.env, null)));
    assert.deepEqual(
      jobs.map((job) => job.validation_dataset_id),
      [validation, null, validation],
    );
  });

  it('is in the plan: all rows are trained on, and its own are held out', async () => {
    const { status, body } = await api.call('POST', '/jobs/plan', {
      dataset_id: trained,
      validation_dataset_id: validation,
    });
    assert.equal(status, 200, JSON.stringify(body));
    assert.deepEqual([body.train_rows, body.held_out_rows, body.warnings], [100, 20, []]);
    const [trait] = body.traits as { validation_dataset_id: number; datasets: Record<string, number>[] }[];
    assert.equal(trait?.validation_dataset_id, validation);
    assert.deepEqual(
      trait?.datasets.map(({ dataset_id, allocated, held_out, percentage }) => [
        dataset_id,
        allocated,
        held_out,
        percentage,
      ]),
      [
        [trained, 100, 0, 100],
        [validation, 0, 20, 0],
      ],
    );
    const { body: without } = await api.call('POST', '/jobs/plan', { dataset_id: trained });
    assert.deepEqual([without.train_rows, without.held_out_rows], [90, 10]);
    assert.equal((without.traits as { validation_dataset_id: null }[])[0]?.validation_dataset_id, null);
  });

  it('is refused where no row of it could be held out, and nothing is created', async () => {
    const unusable = Number((await api.upload('unusable.csv', 'a,b,c\n1,2,3\n')).body.id);
    const before = await Job.count();
    const cases: [validation: unknown, others: object, status: number, detail: RegExp][] = [
      [4711, {}, 400, /^validation_dataset_id 4711 is no dataset/],
      [trained, {}, 400, /^validation_dataset_id is 1, which is dataset_id as well: .*Leave it out/],
      [unusable, {}, 400, new RegExp(`^Dataset ${unusable} \\(unusable.csv\\) has no row that gives a conversation`)],
      [validation, { training_type: 'rag' }, 400, /^validation_dataset_id is 2, and training_type is rag, whose index/],
      ['2', {}, 422, /validation_dataset_id/],
      [0, {}, 422, /validation_dataset_id/],
    ];
    for (const [id, others, status, detail] of cases) {
      for (const path of ['/jobs/', '/jobs/plan']) {
        const sent = { name: 'job', dataset_id: trained, validation_dataset_id: id, ...others };
        const answer = await api.call('POST', path, sent);
        assert.equal(answer.status, status, JSON.stringify(answer.body));
        assert.match(String(answer.body.detail), detail);
      }
    }
    assert.equal(await Job.count(), before);
    const same = Number((await api.upload('same.csv', csvRows(100))).body.id);
    const plan = await api.call('POST', '/jobs/plan', { dataset_id: trained, validation_dataset_id: same });
    assert.equal(plan.status, 400);
    assert.match(String(plan.body.detail), new RegExp(`^Dataset ${same} has no row to validate with: all 100`));
    const traits = [{ trait_type: 'coding', datasets: [{ dataset_id: trained, percentage: 100 }] }];
    const project = { name: 'project', base_model: 'mtm/none', output_directory: 'p', traits };
    const refused = await api.call('POST', '/projects/', { ...project, validation_dataset_id: validation });
    assert.equal(refused.status, 422);
    assert.match(String(refused.body.detail), /Unknown body field "validation_dataset_id"/);
  });

  it('is not deleted while a job validates with it', async () => {
    const own = Number((await api.upload('own.csv', csvRows(12, 'own'))).body.id);
    const { body: job } = await jobWith(own);
    const { body } = await api.call('GET', `/datasets/${own}/users`);
    assert.deepEqual(
      (body.items as { kind: string; id: number }[]).map(({ kind, id }) => [kind, id]),
      [['job', job.id]],
    );
    const refused = await api.call('DELETE', `/datasets/${own}`);
    assert.equal(refused.status, 409);
    assert.match(String(refused.body.detail), new RegExp(`used by job ${job.id} \\(job\\)`));
    await api.call('POST', `/jobs/${job.id}/cancel`);
    assert.equal((await api.call('DELETE', `/jobs/${job.id}`)).status, 204);
    assert.equal((await api.call('DELETE', `/datasets/${own}`)).status, 204);
  });
});
