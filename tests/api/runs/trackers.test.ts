import assert from 'node:assert/strict';
import { openingOf } from '../../../src/activities/trackers/told-of-run.ts';
import { Run } from '../../../src/models/runs/run.ts';
import { TrackerDelivery } from '../../../src/models/trackers/tracker-delivery.ts';
import { type ApiOnly, startTestApi } from '../../support/api.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { csvRows } from '../../support/rows.ts';
import { TINY_MODEL } from '../../support/service.ts';
import { putTinyModel } from '../../support/tiny-models.ts';

/** By PostgreSQL alone: what the sender makes of it is in tests/service/trackers.test.ts. */
describe('the trackers of a run', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let api: ApiOnly;
  let dataset_id: number;
  const trackers = ['wandb', 'trackio'];

  before(async () => {
    database = await startTestDatabase();
    const places = { wandbDir: '/nowhere/wandb', trackioDir: '/nowhere/trackio', mlflowUrl: undefined };
    api = await startTestApi(database, places);
    await putTinyModel(api.env, 'tiny-random');
    dataset_id = Number((await api.upload('rows.csv', csvRows(60))).body.id);
  });
  after(async () => {
    await api?.close();
    await database?.remove();
  });

  async function post<Body = { id: number }>(path: string, asked?: object): Promise<Body> {
    const { status, body } = await api.call('POST', path, asked);
    assert.ok(status < 300, JSON.stringify(body));
    return body as Body;
  }
  /** By the numbers of its runs, who is told of each. */
  async function toldOf(owner: { job_id: number } | { project_id: number }): Promise<string[][]> {
    const runs = await Run.findAll({ where: owner, order: ['number'] });
    const ofRun = ({ id }: Run) => TrackerDelivery.findAll({ where: { run_id: id }, order: ['id'] });
    return await Promise.all(runs.map(async (run) => (await ofRun(run)).map(({ tracker }) => tracker)));
  }
  const job = () => ({ name: 'j', dataset_id, model_name: TINY_MODEL, training_type: 'lora' });
  const traits = () => [{ trait_type: 'coding', datasets: [{ dataset_id, percentage: 100 }] }];
  const project = () => ({ base_model: TINY_MODEL, training_type: 'lora', output_directory: 'p', traits: traits() });

  it('are those that its job named, also where it runs again, from its checkpoint or afresh', async () => {
    // Leave `trackers` out of what specOf of create-job.ts resolves, and nobody is told; out of CHOSEN of add-job.ts, and nobody of the
    // fresh run. Give each job those that are configured, and the last one has some. Leave mtm.resumes out of openingOf, and the second run
    // does not say where it begins.
    const { id } = await post('/jobs/', { ...job(), trackers });
    await post(`/jobs/${id}/cancel`);
    await post(`/jobs/${id}/start`);
    await post(`/jobs/${id}/cancel`);
    await post(`/jobs/${id}/start`, { fresh: true });
    assert.deepEqual(await toldOf({ job_id: id }), [trackers, trackers, trackers]);
    const runs = await Run.findAll({ where: { job_id: id }, order: ['number'] });
    const tokens = new Set<string>();
    const resumed: unknown[] = [];
    for (const run of runs) {
      const delivery = await TrackerDelivery.findOne({ where: { run_id: run.id }, rejectOnEmpty: true });
      const { name, tags, token } = await openingOf(api.env, run, delivery);
      tokens.add(token);
      resumed.push([name, tags['mtm.resumes']]);
    }
    assert.deepEqual(resumed, [
      [`job-${id}-run-1`, undefined],
      [`job-${id}-run-2`, `job-${id}-run-1`],
      [`job-${id}-run-3`, undefined],
    ]);
    assert.equal(tokens.size, runs.length, 'each is another run of the tracker');
    const none = await post('/jobs/', job());
    assert.deepEqual(await toldOf({ job_id: none.id }), [[]]);
  });

  it('are those that its project named, in both parts, also where it runs again', async () => {
    // Leave `trackers` out of partSpec of start-project.ts, and nobody is told; take it out of `followed_by` there, and nobody of the second.
    const second = { training_type: 'lora', epochs: 1 };
    const { id } = await post('/projects/', { name: 'p', ...project(), followed_by: second, trackers });
    assert.deepEqual(await toldOf({ project_id: id }), []);
    await post(`/projects/${id}/start`);
    await post(`/projects/${id}/cancel`);
    await post(`/projects/${id}/retry`);
    assert.deepEqual(await toldOf({ project_id: id }), [trackers, trackers]);
    for (const { spec } of await Run.findAll({ where: { project_id: id } }))
      assert.deepEqual(spec.followed_by?.trackers, trackers);
  });

  it('are those that its sweep named, of each run, by jobs and by projects over mixtures', async () => {
    // Take `trackers` out of the body of each run in sweptOf (src/commands/sweeps/swept.ts), and nobody is told.
    const varied = { learning_rate: [0.001, 0.01] };
    const search = { method: 'grid', hyperparameters: varied };
    const { name: _, ...each } = job();
    const ofJobs = { name: 's', job: { ...each, max_steps: 4, trackers }, search };
    const mixtures = [{ name: 'all', traits: traits() }];
    const { traits: __, ...common } = project();
    const swept = { ...common, mixing: { held_out: 'fixed' }, max_steps: 4, trackers };
    const ofProjects = { name: 's', project: swept, search: { ...search, mixtures } };
    for (const [asked, kind] of [
      [ofJobs, 'job_id'],
      [ofProjects, 'project_id'],
    ] as const) {
      const { runs } = await post<{ runs: Record<string, number>[] }>('/sweeps/', asked);
      assert.equal(runs.length, 2);
      for (const run of runs) {
        const owner = Number(run[kind]);
        assert.deepEqual(await toldOf(kind === 'job_id' ? { job_id: owner } : { project_id: owner }), [trackers]);
      }
    }
  });

  it('are refused before anything is created where one is not configured, of whatever is asked for', async () => {
    // Take requireConfigured out of createJob or createProject, and it is created.
    const asked = { trackers: ['wandb', 'mlflow'] };
    const search = { method: 'grid', hyperparameters: { learning_rate: [0.001, 0.01] } };
    const { name: _, ...each } = job();
    const before = await Run.count();
    for (const [path, body] of [
      ['/jobs/', { ...job(), ...asked }],
      ['/jobs/plan', { dataset_id, ...asked }],
      ['/projects/', { name: 'p', ...project(), ...asked }],
      ['/sweeps/', { name: 's', job: { ...each, max_steps: 4, ...asked }, search }],
    ] as const) {
      const refused = await api.call('POST', path, body);
      assert.equal(refused.status, 400, `${path} ${JSON.stringify(refused.body)}`);
      assert.match(String(refused.body.detail), /trackers: "mlflow" is not configured here\. .*MTM_MLFLOW_URL/);
    }
    assert.equal(await Run.count(), before);
    assert.deepEqual((await api.call('GET', '/config/')).body.trackers, trackers);
  });
});
