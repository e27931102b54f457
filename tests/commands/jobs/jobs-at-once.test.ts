import assert from 'node:assert/strict';
import { ForeignKeyConstraintError, type Sequelize } from 'sequelize';
import { createJob } from '../../../src/commands/jobs/create-job.ts';
import { readJob } from '../../../src/commands/jobs/read-job.ts';
import type { Dataset } from '../../../src/models/datasets/dataset.ts';
import { addJob } from '../../../src/models/jobs/add-job.ts';
import { Job } from '../../../src/models/jobs/job.ts';
import { AS_ITS_TURN_COMES } from '../../../src/models/runs/queue-choices.ts';
import { Run } from '../../../src/models/runs/run.ts';
import { RunEvent } from '../../../src/models/runs/run-event.ts';
import { NotFoundError, UserError } from '../../../src/platform/failure.ts';
import { buildDataset, startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { testEnv } from '../../support/service.ts';

describe('jobs that are created and read at the same time', () => {
  let database: TestDatabase;
  let datasets: Dataset[];
  before(async () => {
    database = await startTestDatabase();
    datasets = [await buildDataset(), await buildDataset()];
  });
  after(() => database.remove());

  /** How many statements went to PostgreSQL meanwhile: each takes a connection. */
  async function statementsOf(sequelize: Sequelize, work: () => Promise<unknown>): Promise<number> {
    const manager = sequelize.connectionManager;
    const { getConnection } = manager;
    let taken = 0;
    manager.getConnection = (...args) => {
      taken++;
      return getConnection.apply(manager, args);
    };
    try {
      await work();
      return taken;
    } finally {
      manager.getConnection = getConnection;
    }
  }

  it('are each their own: with their dataset, run, number and event', async () => {
    const env = await testEnv();
    const asked = Array.from({ length: 12 }, (_, i) => ({
      name: `"job" ${i}, ‘ñ’ \\ 👍`,
      description: i % 3 === 0 ? null : `line\n${i}`,
      dataset_id: datasets[i % 2]?.id ?? 0,
      model_name: 'none/such',
      learning_rate: (i + 1) / 3e5,
      lora_target_modules: i % 2 === 0 ? ['q_proj', `layer.${i}`] : undefined,
    }));
    const jobs = await Promise.all(asked.map((body) => createJob(body, env, null)));
    assert.equal(new Set(jobs.map(({ id }) => id)).size, asked.length);
    for (const [i, job] of jobs.entries()) {
      const { name, description, dataset_id, learning_rate, lora_target_modules } = asked[i] ?? assert.fail();
      assert.deepEqual(
        [job.name, job.description, job.dataset_id, job.learning_rate],
        [name, description, dataset_id, learning_rate],
      );
      assert.deepEqual(job.hyperparameters, lora_target_modules ? { lora_target_modules } : {});
      const run = await Run.findByPk(job.latestRun?.id ?? 0, { rejectOnEmpty: true });
      assert.deepEqual(
        [run.job_id, run.number, run.status, run.workflow_id, run.resumes_run_id],
        [job.id, 1, 'pending', `job-${job.id}-run-1`, null],
      );
      assert.equal(run.spec.traits[0]?.datasets[0]?.dataset_id, dataset_id);
      assert.equal(run.spec.output_directory, `${env.outputRoots[0]}/job-${job.id}`);
      assert.equal(run.spec.hyperparameters.learning_rate, learning_rate);
      assert.equal(await RunEvent.count({ where: { run_id: run.id, kind: 'status' } }), 1);
      const { latestRun: { queue_place, waits_because, ...shown } = {}, ...read } = await readJob(job.id);
      assert.deepEqual({ ...read, latestRun: shown }, job);
      assert.equal(typeof queue_place, 'number');
      assert.equal(typeof waits_because, 'string');
    }
  });

  // Take isRefused out of src/models/prepared.ts, and nobody gets a job where one is refused.
  it('are refused for themselves: neither a mistake nor a dataset that has just gone keeps others from theirs', async () => {
    const env = await testEnv();
    const body = { name: 'job', dataset_id: datasets[0]?.id ?? 0, model_name: 'none/such' };
    const [made, ofNoDataset] = await Promise.allSettled([
      createJob(body, env, null),
      createJob({ ...body, dataset_id: 404 }, env, null),
    ]);
    assert.ok(made.status === 'fulfilled');
    assert.ok(ofNoDataset.status === 'rejected' && ofNoDataset.reason instanceof UserError);
    const { latestRun, created_at, updated_at, latest_run_id, ...job } = made.value;
    const { spec } = await Run.findByPk(latestRun?.id ?? 0, { rejectOnEmpty: true });
    const jobsBefore = await Job.count();
    const outcomes = await Promise.allSettled([
      addJob({ job: { ...job, id: 100_001 }, spec, queue: AS_ITS_TURN_COMES, traceParent: null, keyId: null }, null),
      addJob(
        {
          job: { ...job, id: 100_002, dataset_id: 404 },
          spec,
          queue: AS_ITS_TURN_COMES,
          traceParent: null,
          keyId: null,
        },
        null,
      ),
      addJob({ job: { ...job, id: 100_003 }, spec, queue: AS_ITS_TURN_COMES, traceParent: null, keyId: null }, null),
    ]);
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
    const [, refused] = outcomes;
    assert.ok(refused?.status === 'rejected' && refused.reason instanceof ForeignKeyConstraintError);
    assert.equal(await Job.count(), jobsBefore + 2);
    assert.equal(await Run.count({ where: { job_id: [100_001, 100_002, 100_003] } }), 2);
  });

  it('are read by one statement, and one that is not there is missing to its reader alone', async () => {
    const [first, second] = await Job.findAll({ order: ['id'], limit: 2 });
    assert.ok(first && second);
    await Run.update(
      { status: 'failed', error_class: 'Test', error_message: 'over', finished_at: new Date() },
      { where: {} },
    );
    const ids = [first.id, 999_999, second.id, first.id];
    let outcomes: PromiseSettledResult<{ id: number }>[] = [];
    const statements = await statementsOf(database.sequelize, async () => {
      outcomes = await Promise.allSettled(ids.map(readJob));
    });
    assert.equal(statements, 1);
    assert.deepEqual(
      outcomes.map((outcome) =>
        outcome.status === 'fulfilled' ? outcome.value.id : outcome.reason instanceof NotFoundError,
      ),
      [first.id, true, second.id, first.id],
    );
  });
});
