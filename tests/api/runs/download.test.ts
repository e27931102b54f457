import assert from 'node:assert/strict';
import { join } from 'node:path';
import { ModelDownload } from '../../../src/models/base-models/model-download.ts';
import { Job } from '../../../src/models/jobs/job.ts';
import { Host } from '../../../src/models/pool/host.ts';
import { Run } from '../../../src/models/runs/run.ts';
import { type ApiOnly, startTestApi } from '../../support/api.ts';
import { COMPLETE, putInCache } from '../../support/base-models.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';

const MISSING = 'none/such';

/** Leave requireModels out of createJob or startAgain, and most of these fail. */
describe('a run that is to fetch its base model', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let api: ApiOnly;
  let offline: ApiOnly;
  let datasetId: number;

  before(async () => {
    database = await startTestDatabase();
    const modelCache = join(database.home, 'models');
    const { 'model.safetensors': _, ...unfinished } = COMPLETE;
    await putInCache(modelCache, 'some/unfinished', unfinished);
    api = await startTestApi(database, { modelCache });
    offline = await startTestApi(database, { modelCache, outputRoots: api.env.outputRoots, isHubOffline: true });
    datasetId = Number((await api.upload('rows.csv', 'input,output\na,b\nc,d\ne,f\n')).body.id);
  });
  after(async () => {
    await offline?.close();
    await api?.close();
    await database?.remove();
  });

  const job = (model_name: string, more: object = {}) => {
    return { name: 'job', dataset_id: datasetId, model_name, download: true, ...more };
  };
  const isThere = (name: string) => Host.report({ name, agentPid: 1, devices: ['cpu'], startedAt: new Date() });
  const projectOf = async (base_model: string) => {
    const datasets = [{ dataset_id: datasetId, percentage: 100 }];
    const traits = [{ trait_type: 'coding', datasets }];
    const { status, body } = await api.call('POST', '/projects/', {
      name: 'project',
      base_model,
      output_directory: 'out',
      traits,
    });
    assert.equal(status, 201, JSON.stringify(body));
    return Number(body.id);
  };
  const specs = async (path: string) => {
    const { items } = (await api.call('GET', `${path}/runs`)).body as { items: { spec: { download?: boolean } }[] };
    return items.map(({ spec }) => spec.download);
  };

  async function refuses(at: ApiOnly, model: string, status: number, says: RegExp): Promise<void> {
    const project = await projectOf(model);
    const rows = () => Promise.all([Job.count(), Run.count(), ModelDownload.count()]);
    const before = await rows();
    for (const [path, body] of [
      ['/jobs/', job(model)],
      ['/jobs/plan', job(model)],
      [`/projects/${project}/start`, { download: true }],
      [`/projects/${project}/retry`, { download: true }],
    ] as const) {
      const refused = await at.call('POST', path, body);
      assert.equal(refused.status, status, `${path}: ${JSON.stringify(refused.body)}`);
      assert.match(String(refused.body.detail), says);
    }
    assert.deepEqual(await rows(), before);
  }

  it('is refused while no host is there, before anything is written', async () => {
    await refuses(api, MISSING, 503, /^No host is there that could fetch the model/);
  });

  it('is refused where nothing is fetched, and for what no hub has', async () => {
    await isThere('one');
    await refuses(offline, MISSING, 400, /^HF_HUB_OFFLINE is set/);
    await refuses(
      api,
      '/srv/model',
      400,
      /^(model_name|base_model) is "\/srv\/model", which "download": true cannot fetch/,
    );
    await refuses(api, 'some/unfinished', 400, /"download": true cannot fetch.* is not usable/);
  });

  it('is created where it can be, and fetches it as well when it is started again', async () => {
    await isThere('one');
    const { status, body } = await api.call('POST', '/jobs/', job(MISSING));
    assert.equal(status, 201, JSON.stringify(body));
    const path = `/jobs/${body.id}`;
    // Let startAgain (src/commands/runs/actions.ts) take `download` of its request alone, and that is forgotten.
    for (const again of [{}, { fresh: true }, { fresh: true, download: false }]) {
      await api.call('POST', `${path}/cancel`);
      assert.equal((await api.call('POST', `${path}/start`, again)).status, 200);
    }
    assert.deepEqual(await specs(path), [false, true, true, true]);

    const project = `/projects/${await projectOf(MISSING)}`;
    const refused = await api.call('POST', `${project}/start`);
    assert.equal(refused.status, 400);
    assert.match(String(refused.body.detail), /`mtm model add none\/such`, or let its run fetch it \("download": true/);
    assert.equal((await api.call('POST', `${project}/start`, { download: true })).status, 200);
    await api.call('POST', `${project}/cancel`);
    assert.equal((await api.call('POST', `${project}/retry`)).status, 200);
    assert.deepEqual(await specs(project), [true, true]);
  });

  it('has a plan without tokens and estimate', async () => {
    await isThere('one');
    // Let planTraining (src/commands/runs/plan-training.ts) not ask whether it is fetched, and there is no plan.
    const { status, body } = await api.call('POST', '/jobs/plan', job(MISSING));
    assert.equal(status, 200, JSON.stringify(body));
    assert.deepEqual([body.tokens, body.estimate], [null, null]);
    assert.equal(
      body.no_estimate,
      'What the training takes cannot be estimated before none/such is there. Its run fetches it first.',
    );
  });

  it('is refused where several hosts are there, each of which needs the model', async () => {
    await isThere('one');
    await isThere('two');
    await refuses(api, MISSING, 400, /^There are several hosts.*`mtm model add none\/such --host NAME`/);
  });
});
